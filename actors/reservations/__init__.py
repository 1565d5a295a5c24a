"""Names and MAC addresses, which are unique across entities, reserved for the length of an operation."""
