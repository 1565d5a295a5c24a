"""Messages from the engine to the gateway, and from the gateway to its live clients."""
