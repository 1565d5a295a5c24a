"""REST: documents and routes made from the registry. It must not decide anything about the inventory."""
