"""Disks: creating, extending, backing other disks, removing."""
