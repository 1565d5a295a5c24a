"""One machine of the datacenter: its actor, its link and its certificates."""
