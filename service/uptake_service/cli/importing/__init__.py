"""`uptake import`: files are read into rows, rows become feedback, the command sends it."""
