"""The words that every part of Corral speaks: entities, commands, events, messages, errors.

Pure data: it must not hold I/O, a clock, chance or a decision.
"""
