"""The command line; `daemons/` holds the wiring of each daemon."""
