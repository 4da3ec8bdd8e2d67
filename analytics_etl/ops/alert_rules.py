"""Rules of alerts that people gave the API: every version is kept, the newest of a name counts."""

import json
from collections.abc import Mapping
from typing import Any

from analytics_etl.postgres.connection import Connection, rows


def record(connection: Connection, name: str, rule: Mapping[str, Any] | None, who: str) -> None:
    """Record a rule as it is from now on, as `alerts.yaml` would have it; None takes it away."""
    connection.execute(
        "insert into ops.alert_rules (name, definition, who) values (%s, %s, %s)",
        [name, None if rule is None else json.dumps(rule), who],
    )


def current(connection: Connection) -> list[dict[str, Any]]:
    """The rules that count (name, rule, who, created_at; first_at of its oldest version), by name."""
    found = rows(
        connection,
        """
        select distinct on (name)
            name, definition as rule, who, created_at, min(created_at) over (partition by name) as first_at
        from ops.alert_rules
        order by name, rule_number desc""",
    )
    return [row for row in found if row["rule"] is not None]
