"""The error of a transition that a table does not name. It must not be caught: it is a bug in deciding."""


class IllegalTransition(AssertionError):
    """An event that the table does not allow in this status: never in the journal."""
