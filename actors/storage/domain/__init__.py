"""The storage domain's room: connecting it, watching it, letting it go. It must not know what is on it."""
