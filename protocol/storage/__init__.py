"""What is said of storage domains and disks."""
