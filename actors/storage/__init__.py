"""Disks, storage domains and templates. It must not know HTTP or libvirt."""
