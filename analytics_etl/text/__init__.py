"""The wording of messages: numbers, lists, and characters that are safe to show."""
