"""What happened and what is under way: events, jobs, operations, the audit trail."""
