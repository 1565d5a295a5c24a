"""The interactive shell: lines, words of its own, the place where it stands, pipes into the system's shell."""
