"""Engines compute the rows of a declared table for a window, from inputs that lie in the lake.

`engine` is what publishing needs of an engine, `duckdb` the one that runs inside the process. PostgreSQL computes what
reads its own tables, without an engine: its rows never leave the server (`tables.derived`).
"""
