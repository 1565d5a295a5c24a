"""Benchmarks that print ratios against a bare floor measured in the same run."""
