"""Series and the tables that are made of them: what a file must say, and what a broken one stops."""

import shutil
from datetime import date
from pathlib import Path

import pytest

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import ModelError
from analytics_etl.catalog.reading import read_models
from analytics_etl.config.settings import SQL_DIR
from analytics_etl.families.functions.anomalies import beginning
from analytics_etl.signals.alerts.reading import load_rules

GOOD = """/*
description: Orders.
unit: count
*/
select day, ''::text as entity, order_count as value, order_count as weight
from shop.orders_daily
where day >= :start::date and day < :end::date
"""
ORDERS = """/*
description: Orders per UTC day.
key: [day]
columns:
  day: UTC calendar day.
  order_count: Orders.
*/
select (ordered_at at time zone 'UTC')::date as day, count(*) as order_count
from shop.order_events
where ordered_at >= :start and ordered_at < :end
group by 1
"""
EVENTS = """create table shop.order_events (
    event_id uuid not null,
    ordered_at timestamptz not null
) partition by range (ordered_at);
comment on table shop.order_events is 'Orders.';
comment on column shop.order_events.event_id is 'Names the event.';
comment on column shop.order_events.ordered_at is 'When it was ordered.';
"""


@pytest.mark.parametrize(
    ("name", "before", "after", "message"),
    [
        ("orders_1d", "unit: count", "unit: pounds", "unit must be one of"),
        ("orders_1d", "unit: count", "unit: count\nabsent: 0", "absent must be zero"),
        ("orders_1d", "unit: count", "unit: count\nforecast: true", "forecast must be whole or each"),
        ("orders_1d", "unit: count", "unit: count\nentity: 3", "entity must be a word"),
        ("orders_1d", "unit: count", "unit: count\nbad: sideways", "bad must be up or down"),
        ("orders_1d", "unit: count", "unit: count\nlimit: 80", "limit must be like {value: 80"),
        ("orders_daily", "", "", "ends in its grain, _1h or _1d"),
        ("orders_1h", "", "", "gives the columns day, bucket, entity, value, weight"),
        ("orders_1d", ", order_count as weight", "", "gives the columns day, entity, value, weight"),
    ],
)
def test_a_series_that_says_something_else_is_refused(
    tmp_path: Path, name: str, before: str, after: str, message: str
) -> None:
    path = tmp_path / "shop" / "series" / f"{name}.sql"
    path.parent.mkdir(parents=True)
    path.write_text(GOOD.replace(before, after) if before else GOOD)
    with pytest.raises(ModelError, match=message):
        read_models(path)


def test_a_broken_series_or_table_stops_nothing_but_its_own_series(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    for name, text in {
        "events/order_events": EVENTS,
        "aggregates/orders_daily": ORDERS,
        "aggregates/parcels_daily": ORDERS.replace("order_events", "parcel_events"),
        "series/orders_1d": GOOD,
        "series/parcels_1d": GOOD.replace("orders_daily", "parcels_daily"),
        "series/guests_1d": GOOD.replace("orders_daily", "guests_daily"),
        "series/events_1d": GOOD.replace("orders_daily", "order_events"),
        "series/circle_1d": GOOD.replace("orders_daily", "anomalies"),
    }.items():
        path = shop / f"{name}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    shutil.copytree(SQL_DIR / "ops" / "signals" / "aggregates", tmp_path / "ops" / "signals" / "aggregates")
    catalog = Catalog(tmp_path)
    assert [file.path.stem for file in catalog.broken_files if file.kind == "series"] == [
        *("guests_1d", "circle_1d", "events_1d")
    ]
    assert set(catalog.broken) == {"shop.parcels_daily"}
    assert catalog.aggregates["shop.series"].dependencies == ("shop.orders_daily",)
    assert catalog.in_order()[-4:] == ["shop.series", "shop.anomalies", "shop.forecasts", "shop.forecast_accuracy"]


def test_what_a_function_reads_beside_rows_is_part_of_its_version(tmp_path: Path) -> None:
    """The calendar, and what the headers of the family's series say; comments are not."""
    for name, text in {
        "events/order_events": EVENTS,
        "aggregates/orders_daily": ORDERS,
        "series/orders_1d": GOOD,
    }.items():
        path = tmp_path / "shop" / f"{name}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    shutil.copytree(SQL_DIR / "ops" / "signals" / "aggregates", tmp_path / "ops" / "signals" / "aggregates")
    calendar, series = tmp_path / "calendar.yaml", tmp_path / "shop" / "series" / "orders_1d.sql"

    def versions() -> tuple[str, str, str]:
        catalog = Catalog(tmp_path)
        one, other, third = (catalog.code_version(f"shop.{name}") for name in ("series", "anomalies", "forecasts"))
        return one, other, third

    calendar.write_text("holidays: []\n")
    first = versions()
    calendar.write_text("# A comment.\nholidays: []\n\n")
    assert versions() == first
    calendar.write_text("holidays:\n  - {day: 2025-12-25, name: Christmas Day}\n")
    with_holiday = versions()
    assert [now == before for now, before in zip(with_holiday, first, strict=True)] == [True, False, True]
    series.write_text(GOOD.replace("unit: count", "unit: count\nbad: down"))
    assert [now == before for now, before in zip(versions(), with_holiday, strict=True)] == [True, False, False]


def test_of_a_metric_with_two_files_that_of_days_says_what_its_numbers_are() -> None:
    """Forecasts are of days: the file of hours has no limit."""
    measure = Catalog(SQL_DIR).measures["platform", "cpu_percent"]
    assert (measure.limit, measure.is_each_forecast) == (80, True)


def test_the_default_rules_are_about_series_that_are_there() -> None:
    known = {(path.stem.rpartition("_")[0], path.parent.parent.name) for path in SQL_DIR.glob("*/series/*.sql")}
    of_the_pipeline = {("published_rows", "ops"), ("anomaly_deviation", "")}
    rules = load_rules(SQL_DIR)
    assert set(rules) == {
        *("anomaly_high", "compilation_p95_high", "daily_run_missing", "error_ratio_high", "module_health_low")
    }
    for rule in rules.values():
        for selector in rule.selectors:
            family = next((m.only_value for m in selector.matchers if m.name == "family"), "")
            named = {(metric, family and of) for metric, of in known}
            assert (selector.metric, family) in named | of_the_pipeline, rule.name


def test_the_past_of_a_day_begins_two_quarters_before_its_own_and_of_hours_four_weeks_before_its_week() -> None:
    assert beginning(date(2025, 3, 31), "1d") == date(2024, 7, 1)
    assert beginning(date(2025, 4, 1), "1d") == date(2024, 10, 1)
    assert beginning(date(2025, 12, 31), "1d") == date(2025, 4, 1)  # 274 days; 276 are read
    assert (date(2024, 9, 30) - beginning(date(2024, 9, 30), "1d")).days == 273
    assert beginning(date(2025, 3, 31), "1h") == date(2025, 3, 3)
    assert beginning(date(2025, 4, 6), "1h") == date(2025, 3, 3)  # 34 days
