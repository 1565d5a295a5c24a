"""The hypervisor of the simulated world."""
