"""Measurements that a user can repeat. `__main__` is the main one; other modules say how to start them."""
