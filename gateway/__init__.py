"""Who may ask: REST, WebSocket, authentication. It must not decide; it asks the engine."""
