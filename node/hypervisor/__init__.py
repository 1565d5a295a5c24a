"""What runs virtual machines on this host: a port, libvirt behind it and a simulated one beside it."""
