"""Links to nodes: accepted, served, found."""
