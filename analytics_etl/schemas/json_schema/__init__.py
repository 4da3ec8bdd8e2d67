"""JSON Schema: `reading` makes the catalogue; `dialects` knows drafts, `walking` places, `references` where they lead.

`comparison` finds what a new version accepts less or more: `subset` walks through two schemas (each a `node`),
`differences` compares keywords, `combinations` what is made of other schemas.
"""
