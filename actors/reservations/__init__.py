"""What two entities share is held here for the length of an operation. It must not know HTTP or libvirt."""
