"""How a use case reports its progress: the caller passes a function that shows it."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""(step that begins, steps done, steps in all)"""
