"""What is said of templates: the model, the commands, the events."""
