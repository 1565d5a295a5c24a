"""Frames over WebSocket, for both ends of a link. It must not know what they carry."""
