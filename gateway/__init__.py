"""The ways in: REST, WebSocket, authentication. What may happen is the engine's decision."""
