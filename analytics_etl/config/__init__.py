"""Settings, read once from the environment. No other room reads the environment."""
