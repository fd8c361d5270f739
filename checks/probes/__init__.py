"""What a node is asked: one module per subsystem. Parsers are pure functions from text to values and judge nothing.

Patterns are kept as text: re compiles one when it is first used and remembers it, so that a check that starts once a
minute pays for those it needs.
"""
