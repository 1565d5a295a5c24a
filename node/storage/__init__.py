"""Where the disks of this host's virtual machines are: a port, a directory behind it and a simulated one beside it."""
