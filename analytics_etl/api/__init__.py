"""The HTTP API: a thin face over families, pipeline, monitoring and ops. Each group of routes is a module in `routes`.

Not here: SQL, and what any number means.
"""
