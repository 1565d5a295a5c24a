"""What a VM is: its configuration, checked and completed, and changed."""
