"""Entities without behaviour, served by one actor from the registry. It must not know HTTP or libvirt."""
