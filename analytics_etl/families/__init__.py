"""What a family adds in Python: sample events and queries."""
