"""What is seen and judged: the check commands and the probes they stand on. Nothing in here ever changes a system."""

VERSION = "0.1.0"
