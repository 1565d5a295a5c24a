"""Who starts, watches and restarts whom. It must not know what a child does."""
