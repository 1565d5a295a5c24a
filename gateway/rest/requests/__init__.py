"""One request, from its path to its answer."""
