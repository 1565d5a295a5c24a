"""Who may do what on which object. It must not know HTTP or libvirt."""
