"""Disks, storage domains and templates."""
