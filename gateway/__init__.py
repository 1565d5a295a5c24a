"""The front door: REST, WebSocket, authentication. What may happen is the engine's decision."""
