"""Which host a VM runs on, and why."""
