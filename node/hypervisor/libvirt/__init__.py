"""The hypervisor that is libvirt."""
