"""Live output from the gateway."""
