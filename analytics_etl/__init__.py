"""Usage analytics of a schema registry and its services: raw events in, trusted numbers and reports out."""
