"""How a layout becomes a condition: one file for each method."""
