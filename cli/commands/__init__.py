"""Commands that are not a verb of a noun."""
