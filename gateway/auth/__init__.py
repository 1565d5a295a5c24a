"""Who asks: passwords, tokens, sessions. It must not decide what they may do to an object."""
