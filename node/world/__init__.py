"""The simulated world: hosts, QEMUs, power and storage as they really are, whatever any daemon believes."""
