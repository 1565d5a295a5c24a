"""What all parts of Corral send each other: entities, commands, events, messages, errors.

Pure data: it must not hold I/O, a clock, chance or a decision.
"""
