"""Entities without behaviour: one actor keeps them all."""
