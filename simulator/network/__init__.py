"""Interfaces, CARP, routes, TCP, and the link between the nodes."""
