"""The agent inside a VM."""
