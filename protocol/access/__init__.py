"""Who may come in: users."""
