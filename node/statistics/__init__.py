"""What this host and its guests use, measured and reported."""
