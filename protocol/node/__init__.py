"""What the engine and a node say to each other."""
