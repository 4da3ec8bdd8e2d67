"""Percentiles of real samples: the tokens of 28,185 requests to two services, hour and day, equal numpy's."""

import csv
import gzip
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np
import pytest
from conftest import REAL_DATA, needs_real_data

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import window_parameters

pytestmark = needs_real_data

DAY = date(2023, 11, 16)
FILES = {"llm-code": "llm_inference_code.csv.gz", "llm-conv": "llm_inference_conv.csv.gz"}
COLUMNS = {"prompt_tokens": "ContextTokens", "answer_tokens": "GeneratedTokens"}
SAMPLES = "platform.metric_samples"
Values = dict[tuple[str, str, str], list[tuple[str, float]]]
"""{(metric, service, tenant): (time, value) of each sample}"""


@pytest.fixture(scope="module")
def values() -> Values:
    """The answers of one service are a tenant's, so that the same metric is the platform's and a tenant's."""
    found: Values = {}
    for service, name in FILES.items():
        with gzip.open(REAL_DATA / "service_requests" / name, "rt", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        for metric, column in COLUMNS.items():
            tenant = "acme" if (service, metric) == ("llm-code", "answer_tokens") else ""
            found[metric, service, tenant] = [(row["TIMESTAMP"][:26], float(row[column])) for row in rows]
    return found


@pytest.fixture(scope="module")
def connection(catalog: Catalog, values: Values) -> Iterator[duckdb.DuckDBPyConnection]:
    columns = ", ".join(f"{column.name} {column.duckdb_type}" for column in catalog.contracts[SAMPLES].columns)
    window = window_parameters(DAY, DAY + timedelta(days=1))
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(f"set timezone = 'UTC'; create schema platform; create table {SAMPLES} ({columns})")
        for (metric, service, tenant), samples in values.items():
            moments, numbers = zip(*samples, strict=True)
            connection.execute(
                f"""insert into {SAMPLES} (event_id, recorded_at, name, type, category, value, labels, tenant_id)
                select uuid(), moment::timestamptz, $1, 'histogram', 'performance', value,
                    json_object('service_id', $2), nullif($3, '')
                from (select unnest($4::varchar[]) as moment, unnest($5::double[]) as value)""",
                [metric, service, tenant, moments, numbers],
            )
        for name in ("counter_increases_daily", "metric_1h", "metric_1d"):
            select = catalog.aggregates[f"platform.{name}"].statement(window)
            connection.execute(f"create table platform.{name} as {select}")
        yield connection


@pytest.mark.parametrize(("grain", "characters"), [("1h", 13), ("1d", 10)])
def test_percentiles(connection: duckdb.DuckDBPyConnection, values: Values, grain: str, characters: int) -> None:
    expected: dict[tuple[Any, ...], list[float]] = {}
    for (metric, service, tenant), samples in values.items():
        for at, value in samples:
            expected.setdefault((at[:characters], tenant, metric, service), []).append(value)
    found = connection.execute(
        f"""select left(bucket::varchar, {characters}), tenant_id, name, labels ->> 'service_id', sample_count,
            sum_value, min_value, max_value, p50_value, p95_value, p99_value
        from platform.metric_{grain}"""
    ).fetchall()
    assert len(found) == len(expected) >= len(values)
    for *key, count, total, lowest, highest, median, p95, p99 in found:
        sample = np.array(expected[tuple(key)])
        assert (count, total, lowest, highest) == (len(sample), sample.sum(), sample.min(), sample.max()), key
        assert (median, p95, p99) == pytest.approx(tuple(np.percentile(sample, [50, 95, 99])), rel=1e-12), key
