"""Tests, a room per package."""
