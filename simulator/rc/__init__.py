"""rc(8): booting, shutting down, and the scripts of services."""
