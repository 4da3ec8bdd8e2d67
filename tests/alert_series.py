"""A series of a service by day, put where the pipeline puts it: what alerts are judged from."""

from datetime import UTC, date, datetime, timedelta

from analytics_etl.postgres.database import Database

FIRST = date(2025, 3, 1)
KEY = 'error_ratio_high{entity="play", family="services", grain="1d"}'


def day_of(number: int) -> date:
    return FIRST + timedelta(days=number - 1)


def at(number: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2025, 3, number, hour, minute, tzinfo=UTC)


def put_point(database: Database, number: int, value: float | None) -> None:
    """Publish a day of the series, with its point if it has one."""
    with database.transaction() as connection:
        if value is not None:
            connection.execute(
                "insert into services.series (day, series_id, bucket, metric, grain, unit, is_absent_zero, "
                "is_forecast, entity, series_labels, value, weight) "
                "values (%s, 'play', %s, 'error_ratio', '1d', 'ratio', false, false, 'play', '{}', %s, 100)",
                [day_of(number), at(number), value],
            )
        connection.execute(
            "insert into ops.partitions (table_name, period_start, period_end, rows, code_version, duration_ms) "
            "values ('services.series', %s, %s, 1, '', 0)",
            [day_of(number), day_of(number + 1)],
        )
