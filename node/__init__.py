"""The host daemon: carries out what the engine wants and reports what it sees."""
