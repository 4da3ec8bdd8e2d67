"""PostgreSQL: connections, sessions, errors, roles, migrations and COPY; and the embedded server."""
