"""The command line and, in daemons/, where each daemon is put together."""
