"""Entities without behaviour: data centers, clusters and the like."""
