"""Storage domains and disks."""
