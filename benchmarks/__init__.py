"""Measurements a user can repeat; see `__main__`."""
