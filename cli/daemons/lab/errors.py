"""The lab's refusals; it decides nothing."""


class LabError(Exception):
    """The lab cannot do what was asked; the message says why and what to do."""
