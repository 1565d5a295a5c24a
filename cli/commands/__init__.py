"""Commands that are no verb of a noun."""
