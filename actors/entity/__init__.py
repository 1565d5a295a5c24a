"""The shell that every durable entity shares: decide, evolve, make durable, then act."""
