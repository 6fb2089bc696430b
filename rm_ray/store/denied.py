"""Defines the error of a store that denies access."""


class Denied(PermissionError):
    """A store denies access. The message names the credentials, the machine and the remedy."""
