"""The exception whose message is for people."""


class UserError(Exception):
    """Something that the user can mend. Its text says what is wrong, where, and what to do."""
