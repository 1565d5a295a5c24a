"""The virtual machine: what it is asked, what it decides, what its host says of it. It must not reach libvirt."""
