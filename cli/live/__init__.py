"""Follows what happens at the gateway."""
