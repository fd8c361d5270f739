"""What every check command shares: command line, findings, output, configuration. Knows no subsystem of a node."""
