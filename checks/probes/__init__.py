"""What a node is asked: one module per subsystem. Parsers are pure functions from text to values and judge nothing."""
