"""Everything that can be broken on the pair, by name."""
