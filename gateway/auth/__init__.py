"""Who asks: passwords, tokens, sessions."""
