"""Steps of the engine: each takes effect at most once."""
