"""What a user copies out of `contrib/`, as far as it follows from the code: generated, so that it cannot drift."""
