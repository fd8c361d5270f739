"""What is done: the only package with commands that change a system. It stands on `checks.probes`, never on a check."""
