"""Subscriptions: snapshot, then every change after it, in order."""
