"""Who starts, watches and restarts whom."""
