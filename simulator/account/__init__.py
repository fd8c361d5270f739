"""The account of the data: where every write is, what would be lost now, and whose doing that is."""
