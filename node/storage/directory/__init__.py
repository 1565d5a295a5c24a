"""Storage domains that are directories."""
