"""Templates: model, commands, events."""
