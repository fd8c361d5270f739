"""The subcommands of `hastwatch` that act on a node or show what was done on it, one module each."""
