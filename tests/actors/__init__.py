"""Tests of the actors, a folder per room."""
