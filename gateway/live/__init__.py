"""Subscriptions: snapshot, then every change after it, in order. It must not know how a change came about."""
