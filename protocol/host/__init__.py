"""What is said of hosts: the model, the commands, the events."""
