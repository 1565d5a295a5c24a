"""The domains of this host: one actor for each."""
