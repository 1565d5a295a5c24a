"""What the gateway hears from the engine, and tells its live clients."""
