"""The libvirt implementation of the hypervisor port."""
