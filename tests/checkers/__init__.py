"""What may never happen, each invariant in a file that bears its number: pure functions over ground truth.

A checker gets plain facts (rows, frames, QEMUs, replies) and returns sentences, one for each violation. It must not
ask the system under test, wait, or change anything.
"""
