"""VMs: model, commands, events."""
