"""Durable work: how operations move and how they show as jobs. It must not know what any operation does."""
