"""REST: documents and routes made from the registry."""
