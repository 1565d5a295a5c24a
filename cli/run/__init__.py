"""Runs one command line."""
