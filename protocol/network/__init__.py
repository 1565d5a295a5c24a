"""What is said of networks and NICs."""
