"""The gateway's copy of the engine's rows, kept current change by change."""
