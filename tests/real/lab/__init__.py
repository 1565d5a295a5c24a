"""What was promised, tried on a whole lab with real VMs: the oVirt SDK, kills, the command line, a clean end."""
