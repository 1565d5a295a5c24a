"""The host daemon. It must not decide what the data center wants; it carries out and reports."""
