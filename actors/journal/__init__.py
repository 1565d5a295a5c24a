"""Keeps intent and history: the store port, memory and PostgreSQL behind it, a writer. It decides nothing."""
