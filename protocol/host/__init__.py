"""Hosts: model, commands, events."""
