"""A model of the layouts of a data set: fitted, sampled, shifted, written, and held against real ones."""
