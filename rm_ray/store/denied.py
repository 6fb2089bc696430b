"""The error of a store that refuses us."""


class Denied(PermissionError):
    """A store does not let us; the message says who, where, and what to do."""
