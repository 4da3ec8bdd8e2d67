"""Rules of alerts, their states over a series, and what is told to whom. Callers import the modules."""
