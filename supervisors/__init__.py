"""Supervision: starting, watching and restarting actors."""
