"""The guest agents of this host's VMs."""
