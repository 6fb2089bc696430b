"""Defines the error of a store that denies access."""


class Denied(PermissionError):
    """A store denies access. The message says with whose credentials, where, and what to do."""
