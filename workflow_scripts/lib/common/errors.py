"""The exception for errors that users can correct."""


class UserError(Exception):
    """An error that the user can correct. Its text says what is wrong, where, and what to do."""
