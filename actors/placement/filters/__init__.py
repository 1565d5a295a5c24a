"""One rule per file: which hosts cannot take a VM, and why."""
