"""The words that every part of Corral speaks: entities, commands, events, messages, errors. Pure data; no I/O, clock or random."""
