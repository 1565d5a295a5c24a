"""Activity, past and present: events, jobs, operations, the audit trail."""
