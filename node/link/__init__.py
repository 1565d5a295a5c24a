"""The link to the engine, and the node's certificate for it."""
