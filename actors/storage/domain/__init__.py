"""Storage domains: connecting, monitoring, removing."""
