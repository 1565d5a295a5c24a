"""What all parts of Corral exchange: entities, commands, events, messages, errors.

Pure data: it must not contain I/O, a clock, randomness or a decision.
"""
