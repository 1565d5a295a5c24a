"""The journal's double for tests and the simulation: same promises, no disk."""
