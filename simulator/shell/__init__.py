"""How a node reads and runs a command line."""
