"""Frames over WebSocket, for both ends of a link."""
