"""The search language: parsed by a grammar, evaluated on the read model."""
