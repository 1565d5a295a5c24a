"""What is said of entities without behaviour: data centers, clusters and their like."""
