"""Finds out which virtualization works here, by using it."""
