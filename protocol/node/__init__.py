"""Messages between the engine and a node."""
