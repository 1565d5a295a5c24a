"""The interactive shell: lines, its own commands, the current place, pipes into the system's shell."""
