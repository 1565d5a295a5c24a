"""One score per file: which of the hosts that can take a VM suits better; lower is better."""
