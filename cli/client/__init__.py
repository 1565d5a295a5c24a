"""Speaks with the gateway."""
