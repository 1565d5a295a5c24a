"""The manager's decisions, a room per managed entity. It must not speak HTTP or libvirt."""
