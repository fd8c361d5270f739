"""`hastwatch init`: the files of a pair that is to be, and the commands that make it, in a directory to look at."""
