"""Protobuf: `compiler` runs protoc, `features` knows syntaxes and editions, `reading` makes the catalogue."""
