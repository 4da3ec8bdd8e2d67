"""Protobuf: `compiler` runs protoc, `elements` and `features` are what it found, `reading` makes the catalogue of it.

`comparison` finds breaking changes by Buf's `rules`, which `file_rules`, `message_rules`, `field_rules` and
`service_rules` apply.
"""
