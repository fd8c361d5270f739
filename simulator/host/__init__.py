"""A node below its daemons: processes, files, kernel, logs, devd, and the programs on it."""
