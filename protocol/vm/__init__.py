"""What is said of VMs: the model, the commands, the events."""
