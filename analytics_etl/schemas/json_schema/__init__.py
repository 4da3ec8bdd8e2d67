"""JSON Schema: `dialects` knows the drafts, `walking` the places of subschemas, `reading` makes the catalogue."""
