"""Settings: the environment, read once. Nothing else reads it."""
