"""One rule per file: which hosts cannot take a VM, and why. A rule must not rank."""
