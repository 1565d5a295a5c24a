"""Which host a VM runs on, and why. It must not know HTTP or libvirt."""
