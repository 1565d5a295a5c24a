"""Virtual machines: commands, decisions, observations from their host."""
