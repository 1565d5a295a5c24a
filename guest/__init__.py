"""The agent inside a VM. It must not trust or need anything but its channel."""
