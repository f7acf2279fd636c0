"""The commands as functions: the command line parses options, calls these, and prints what they return."""
