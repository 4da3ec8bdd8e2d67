"""Words and characters of messages."""
