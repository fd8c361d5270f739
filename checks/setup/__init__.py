"""The audit of how a node is set up, group by group (`check_hast_setup`, `hastwatch doctor`)."""
