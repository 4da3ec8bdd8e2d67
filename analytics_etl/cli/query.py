"""The command `query`, with a group of questions for each family."""

import click

from analytics_etl.cli.platform_queries import platform
from analytics_etl.cli.registry_queries import registry
from analytics_etl.cli.schedule_queries import schedules
from analytics_etl.cli.service_queries import services
from analytics_etl.cli.usage_queries import usage


@click.group()
def query() -> None:
    """Ask the tables of a family: statistics, and single events.

    The end of a range, --to, is included when it is a day, and not when it is a moment. Times are UTC, or have an
    offset like Z or +02:00.

    Days that are not loaded, or whose events were not kept, are listed on stderr, and in JSON as `missing` and
    `dropped`; the answer is about the other days. The exit code is 3 when events were not kept, as the answer is then
    not whole, and 0 otherwise. `analytics-etl restore` brings such a day back from its landing files.

    \b
    analytics-etl query registry top --days 7 --limit 20
    analytics-etl query registry statistics --grain 1w --from 2025-03-01 --to 2025-03-31
    analytics-etl query usage statistics --grain 1d --from 2025-03-25 --to 2025-03-31
    analytics-etl query usage events --days 7 --operation write --failed-only --limit 20
    analytics-etl query usage top --days 30 --operation validate
    analytics-etl query schedules errors --from 2025-03-25 --to 2025-03-31
    analytics-etl query schedules health --from 2025-03-25 --to 2025-03-31
    analytics-etl query services errors --from 2025-03-25 --to 2025-03-31
    analytics-etl query platform aggregated cpu_percent --from 2025-03-31
    """  # noqa: D301 - click takes \b for the begin of lines to leave as they are


query.add_command(registry)
query.add_command(usage)
query.add_command(schedules)
query.add_command(services)
query.add_command(platform)
