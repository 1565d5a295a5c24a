"""The tree of commands, built from the registry."""
