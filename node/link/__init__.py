"""The one link to the engine, and what the node shows there."""
