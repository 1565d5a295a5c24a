"""Every promise of the journal, kept by memory and by two PostgreSQL."""
