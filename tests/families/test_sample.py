"""The sample generator: reproducible, within the contracts, and with the patterns it promises.

The contracts themselves judge the rows: their DDL is created in DuckDB, which enforces types, NOT NULL and CHECK.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from analytics_etl.families.sample import FAMILIES, SampleOptions, families, write_sample
from analytics_etl.families.sample.columns import codes, timestamps, uuids
from analytics_etl.families.sample.rhythm import Moments
from analytics_etl.families.sample.tables import CUT, NO_ZONE, EventTable

CONTRACTS = Path(__file__).resolve().parent.parent.parent / "sql" / "registry" / "events"
TIME_COLUMNS = {
    "download_events": "downloaded_at",
    "module_view_events": "viewed_at",
    "compilation_events": "started_at",
}
SCHEMA_TABLES = ("module_versions", "field_usage_events")
"""Beside them, with their own numbers of events; see `test_sample_schemas`."""
LAST_DAY = date(2025, 3, 31)  # a Monday
READERS = {"ndjson": "read_json(?)", "csv": "read_csv(?)", "parquet": "read_parquet(?)"}


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB with the three event tables as their contracts define them."""
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("create schema registry")
        for table in TIME_COLUMNS:
            ddl = (CONTRACTS / f"{table}.sql").read_text()
            create = ddl[: ddl.index(";")]
            connection.execute(re.sub(r"partition by range \(\w+\)$", "", create.strip()))
        yield connection


def load(database: duckdb.DuckDBPyConnection, paths: list[Path]) -> None:
    """Insert files into their tables; the database refuses what breaks a contract."""
    for path in without_schemas(paths):
        reader = READERS[path.name.split(".")[1]]
        database.execute(f"insert into registry.{path.parent.name} by name from {reader}", [str(path)])


def without_schemas(paths: list[Path]) -> list[Path]:
    return [path for path in paths if path.parent.name not in SCHEMA_TABLES]


def count(database: duckdb.DuckDBPyConnection, sql: str) -> Any:
    row = database.execute(sql).fetchone()
    assert row is not None
    return row[0] if len(row) == 1 else row


def clean(**options: float | str | tuple[str, ...]) -> SampleOptions:
    """Options of a sample without bad rows and second copies, unless told otherwise."""
    return replace(SampleOptions(LAST_DAY, bad_row_ratio=0, duplicate_ratio=0), **options)  # type: ignore[arg-type]


def lines_of(paths: list[Path]) -> list[str]:
    return [line for path in paths for line in path.read_text().splitlines()]


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("file_format", ["ndjson.zst", "csv.zst", "parquet"])
def test_same_options_give_the_same_bytes_and_another_seed_does_not(tmp_path: Path, file_format: str) -> None:
    # More than one batch for the downloads, so that the order of the threads could matter.
    options = SampleOptions(LAST_DAY, days=1, events_per_day=75_000, file_format=file_format)
    for folder, seed in (("first", 1), ("second", 1), ("other", 2)):
        write_sample(tmp_path / folder, replace(options, seed=seed))
    first, second, other = (contents(tmp_path / folder) for folder in ("first", "second", "other"))
    assert set(first) == {f"{table}/2025-03-31.{file_format}" for table in (*TIME_COLUMNS, *SCHEMA_TABLES)}
    assert first == second
    assert all(first[name] != other[name] for name in first)


def test_a_day_does_not_depend_on_how_many_days_are_written(tmp_path: Path) -> None:
    done: list[date] = []
    paths = write_sample(tmp_path / "few", SampleOptions(LAST_DAY, days=2, events_per_day=500), done.append)
    write_sample(tmp_path / "many", SampleOptions(LAST_DAY, days=12, events_per_day=500))
    few, many = contents(tmp_path / "few"), contents(tmp_path / "many")
    assert done == [date(2025, 3, 30), date(2025, 3, 31)]
    assert paths == sorted(tmp_path / "few" / name for name in few)
    assert len(few) == 10
    assert len(many) == 60
    assert few == {name: many[name] for name in few}


def test_rows_satisfy_the_contracts(tmp_path: Path, database: duckdb.DuckDBPyConnection) -> None:
    paths = write_sample(tmp_path, clean(days=12, events_per_day=5_000))
    load(database, paths)
    for table, column in TIME_COLUMNS.items():
        total, ids, versions = count(
            database,
            f"select count(*), count(distinct event_id), "
            f"count(*) filter (event_id::text ~ '^.{{8}}-.{{4}}-4.{{3}}-[89ab].{{3}}-.{{12}}$') from registry.{table}",
        )
        assert total == ids == versions > 0
        days = f"select distinct {column}::date from registry.{table} order by 1"
        assert database.execute(days).fetchall() == [(LAST_DAY - timedelta(days=age),) for age in range(11, -1, -1)]
    assert count(database, "select count(*) from registry.module_view_events where page_type <> 'detail'") > 0
    assert not count(
        database,
        "select count(*) from registry.module_view_events where page_type <> 'detail' and module_name is not null",
    )
    for table, column in (
        ("download_events", "user_agent"),
        ("download_events", "error_message"),
        ("download_events", "module_name"),
        ("module_view_events", "referrer"),
    ):
        assert count(database, f"select count(*) from registry.{table} where {column} like '%<%>%'") > 0, column
    nulls = "count(user_id), count(duration_ms), count(cache_hit)"
    for table, columns in (("download_events", nulls), ("compilation_events", f"{nulls}, count(completed_at)")):
        total, *known = count(database, f"select count(*), {columns} from registry.{table}")
        assert all(0.85 * total < number < total for number in known)


def test_every_format_holds_the_same_events(tmp_path: Path, database: duckdb.DuckDBPyConnection) -> None:
    rows: dict[str, list[list[Any]]] = {}
    for file_format in ("ndjson.zst", "csv.gz", "parquet", "ndjson", "csv.zst"):
        options = clean(days=1, events_per_day=3_000, duplicate_ratio=0.05, file_format=file_format)
        load(database, write_sample(tmp_path, options))
        rows[file_format] = [
            database.execute(f"from registry.{table} order by all").fetchall() for table in TIME_COLUMNS
        ]
        for table in TIME_COLUMNS:
            database.execute(f"truncate registry.{table}")
    expected = rows.pop("ndjson.zst")
    assert all(len(table) > 250 for table in expected)
    for file_format, found in rows.items():
        assert found == expected, file_format


def test_copies_are_there_and_a_tenth_of_them_differ(tmp_path: Path) -> None:
    paths = write_sample(tmp_path, clean(days=1, events_per_day=20_000, duplicate_ratio=0.1, file_format="ndjson"))
    lines: dict[str, list[str]] = {}
    for line in lines_of(without_schemas(paths)):
        lines.setdefault(json.loads(line)["event_id"], []).append(line)
    copied = [of_one_id for of_one_id in lines.values() if len(of_one_id) > 1]
    changed = [of_one_id for of_one_id in copied if len(set(of_one_id)) > 1]
    # Four standard deviations of a binomial around 2000 copies, and around 200 changed ones.
    assert 1_830 < len(copied) < 2_170
    assert 145 < len(changed) < 260
    assert {len(of_one_id) for of_one_id in copied} == {2}
    for first, second in changed:
        before, after = json.loads(first), json.loads(second)
        differing = {name for name in before if before[name] != after[name]}
        assert differing <= {*TIME_COLUMNS.values(), "completed_at"}
        assert all(before[name] < after[name] for name in differing)


def rejection(database: duckdb.DuckDBPyConnection, table: str, text: str) -> str | None:
    """Why a JSON line is no row of the table: the kind of fault, or None."""
    try:
        row = json.loads(text)
    except json.JSONDecodeError:
        return "malformed"
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", row[TIME_COLUMNS[table]]):
        return "time"
    names = ", ".join(row)
    try:
        database.execute(
            f"insert into registry.{table} ({names}) values ({', '.join('?' * len(row))})",
            [str(value) if value is not None else None for value in row.values()],
        )
    except duckdb.ConstraintException as error:
        return "null" if "NOT NULL" in str(error) else "check"
    except duckdb.ConversionException:
        return "type"
    return None


def test_bad_rows_are_as_many_as_asked_for_and_of_every_kind(
    tmp_path: Path, database: duckdb.DuckDBPyConnection
) -> None:
    options = clean(days=1, events_per_day=1_500, rhythm=False, bad_row_ratio=0.3, file_format="ndjson")
    for path in without_schemas(write_sample(tmp_path, options)):
        lines = lines_of([path])
        reasons = Counter(rejection(database, path.parent.name, line) for line in lines)
        good = reasons.pop(None)
        assert set(reasons) == {"malformed", "time", "null", "check", "type"}
        assert good + reasons.total() == len(lines)
        deviation = (len(lines) * 0.3 * 0.7) ** 0.5
        assert abs(reasons.total() - len(lines) * 0.3) < 4 * deviation


def test_bad_csv_rows_leave_their_neighbours_alone(tmp_path: Path) -> None:
    for ratio in (0, 0.05):
        folder = tmp_path / str(ratio)
        write_sample(folder, clean(days=1, events_per_day=10_000, bad_row_ratio=ratio, file_format="csv"))
    for table in TIME_COLUMNS:
        right, spoilt = (lines_of([tmp_path / str(r) / table / f"{LAST_DAY}.csv"]) for r in (0, 0.05))
        assert len(right) == len(spoilt)
        differing = [(a, b) for a, b in zip(right, spoilt, strict=True) if a != b]
        assert 0.02 < len(differing) / len(right) < 0.09
        assert any(b.count(",") < a.count(",") for a, b in differing)


def test_bad_parquet_rows_fit_its_types_and_break_constraints(
    tmp_path: Path, database: duckdb.DuckDBPyConnection
) -> None:
    paths = write_sample(tmp_path, clean(days=1, events_per_day=3_000, bad_row_ratio=0.05, file_format="parquet"))
    for path in without_schemas(paths):
        with pytest.raises(duckdb.ConstraintException):
            load(database, [path])
    views = tmp_path / "module_view_events" / f"{LAST_DAY}.parquet"
    assert count(
        database, f"select count(*) from '{views}' where source = 'fax' or source is null or page_type = 'popup'"
    )


def test_without_rhythm_every_day_has_exactly_the_events_asked_for(tmp_path: Path) -> None:
    write_sample(
        tmp_path,
        SampleOptions(LAST_DAY, days=12, events_per_day=1_003, rhythm=False, duplicate_ratio=0, file_format="ndjson"),
    )
    for age in range(12):
        day = LAST_DAY - timedelta(days=age)
        by_table = [len(lines_of([tmp_path / table / f"{day}.ndjson"])) for table in TIME_COLUMNS]
        assert sum(by_table) == 1_003
        assert by_table[1:] == [201, 100]  # 20 and 10 per cent


def test_weekends_growth_outage_and_office_hours(tmp_path: Path, database: duckdb.DuckDBPyConnection) -> None:
    load(database, write_sample(tmp_path, clean(days=35, events_per_day=4_000)))
    per_day = dict(
        database.execute("select downloaded_at::date, count(*) from registry.download_events group by 1").fetchall()
    )
    assert per_day[LAST_DAY] == pytest.approx(2_800, rel=0.04)
    saturday, friday = date(2025, 3, 29), date(2025, 3, 28)
    assert per_day[saturday] / per_day[friday] == pytest.approx(0.4, rel=0.1)
    four_weeks_before = LAST_DAY - timedelta(days=28)
    assert per_day[LAST_DAY] / per_day[four_weeks_before] == pytest.approx(1.01**28, rel=0.08)
    hours = """select count(*) / count(distinct downloaded_at::date), avg((not success)::int)
               from registry.download_events
               where downloaded_at::date {} and hour(downloaded_at) between 13 and 15 and isodow(downloaded_at) = 5"""
    volume, failures = count(database, hours.format("= '2025-03-21'"))
    usual_volume, usual_failures = count(database, hours.format("<> '2025-03-21'"))
    assert volume < usual_volume / 2
    assert failures > 0.3
    assert usual_failures < 0.03
    noon, night = (
        count(database, f"select count(*) from registry.download_events where hour(downloaded_at) = {hour}")
        for hour in (14, 2)
    )
    assert noon > 3 * night


def test_five_modules_trend_and_two_are_new(tmp_path: Path, database: duckdb.DuckDBPyConnection) -> None:
    load(database, write_sample(tmp_path, clean(days=15, events_per_day=20_000, outage=False)))
    downloads = database.execute("""
        select module_name,
               count(*) filter (downloaded_at >= '2025-03-25') as last_week,
               count(*) filter (downloaded_at >= '2025-03-18' and downloaded_at < '2025-03-25') as week_before,
               count(*) filter (downloaded_at < '2025-03-18') as earlier
        from registry.download_events group by 1""").fetchall()
    growing = [name for name, last, before, _ in downloads if before >= 50 and last > 2.5 * before]
    steady = [name for name, last, before, _ in downloads if before >= 50 and last <= 1.7 * before]
    assert len(growing) == 5
    assert len(growing) + len(steady) == sum(before >= 50 for _, _, before, _ in downloads)
    assert [last > 50 for _, last, before, earlier in downloads if before + earlier == 0] == [True, True]
    top = sorted(downloads, key=lambda row: -row[1])[:20]
    assert not [name for name, *_ in top if "<" in name]


def test_users_repeat_their_dependencies(tmp_path: Path, database: duckdb.DuckDBPyConnection) -> None:
    load(database, write_sample(tmp_path, clean(days=1, events_per_day=50_000, rhythm=False)))
    total, distinct, users, anonymous = count(
        database,
        """select count(*), count(distinct (module_name, version, user_id)), count(distinct user_id),
                  count(*) filter (user_id is null) from registry.download_events""",
    )
    assert distinct < 0.7 * total
    assert 1_500 < users < 3_500
    assert 0.06 < anonymous / total < 0.1
    organizations = (
        "select max(n) from (select count(distinct organization_id) n from registry.download_events group by user_id)"
    )
    assert count(database, organizations) == 1


@pytest.mark.parametrize(
    ("option", "value"),
    [("file_format", "xlsx"), ("days", 0), ("events_per_day", 0), ("seed", -1), ("bad_row_ratio", 2)],
)
def test_options_that_make_no_sense_are_refused(option: str, value: float | str) -> None:
    with pytest.raises(ValueError, match=option):
        clean(**{option: value})


def test_a_failure_leaves_no_file_behind(tmp_path: Path) -> None:
    def stop(_: date) -> None:
        raise KeyboardInterrupt

    (tmp_path / "download_events" / f"{LAST_DAY}.ndjson").mkdir(parents=True)  # cannot be replaced by a file
    with pytest.raises(OSError, match="directory"):
        write_sample(tmp_path, clean(days=1, events_per_day=100, file_format="ndjson"))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    with pytest.raises(KeyboardInterrupt):
        write_sample(tmp_path / "second", clean(days=2, events_per_day=100), stop)
    assert len(contents(tmp_path / "second")) == 5


# -- more families ----------------------------------------------------------------------------------------------------


def pings(options: SampleOptions) -> dict[str, EventTable]:
    """A family of one table, 30 events for each 100 of the registry; its world is two hosts."""
    hosts = [f"host-{options.seed}-a", 'host "b", too']

    def columns(moments: Moments) -> dict[str, pa.Array]:
        return {
            "event_id": uuids(moments.rng, moments.size),
            "pinged_at": timestamps(moments.time),
            "host": codes(moments.rng.integers(0, 2, moments.size), hosts),
            "load": pa.array(moments.rng.random(moments.size), mask=moments.chance(0.1)),
            "success": pa.array(~moments.is_outage),
        }

    defects = ({"host": None}, {"load": -1.5})
    text_defects = ({"load": "high"}, {"pinged_at": NO_ZONE}, {"event_id": CUT})
    return {"ping_events": EventTable(columns, 1_000_000, 0.3, defects, text_defects)}


@pytest.mark.parametrize("file_format", ["ndjson", "csv.gz", "parquet"])
def test_another_family_has_files_of_its_own_and_changes_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: duckdb.DuckDBPyConnection, file_format: str
) -> None:
    options = clean(days=2, events_per_day=1_005, rhythm=False, file_format=file_format)
    write_sample(tmp_path / "registry", options)
    monkeypatch.setitem(FAMILIES, "pings", pings)
    write_sample(tmp_path / "both", replace(options, families=("pings", "registry")))
    paths = write_sample(tmp_path / "pings", replace(options, families=("pings",)))
    alone, together = contents(tmp_path / "registry"), contents(tmp_path / "both")
    assert [path.parent.name for path in paths] == ["ping_events"] * 2
    assert together == alone | contents(tmp_path / "pings")
    database.execute(
        "create table registry.ping_events "
        "(event_id uuid, pinged_at timestamptz, host text not null, load double, success boolean not null)"
    )
    load(database, paths)
    days = """select pinged_at::date, count(*), count(distinct event_id), string_agg(distinct host, '|' order by host),
                     min(load) >= 0, max(load) < 1, count(load) between 240 and 300, bool_and(success)
              from registry.ping_events group by 1 order by 1"""
    # 30 % of 1005 are 301.5, which Python rounds to the even number.
    hosts = 'host "b", too|host-1-a'
    expected = [(LAST_DAY - timedelta(days=age), 302, 302, hosts, True, True, True, True) for age in (1, 0)]
    assert database.execute(days).fetchall() == expected


def test_another_family_has_bad_rows_copies_and_the_outage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILIES, "pings", pings)
    outage = LAST_DAY - timedelta(days=10)
    options = SampleOptions(LAST_DAY, days=11, events_per_day=10_000, families=("pings",), file_format="ndjson")
    paths = write_sample(tmp_path, replace(options, duplicate_ratio=0.1, bad_row_ratio=0.1))
    rows, kinds = [], Counter[str]()
    for line in lines_of(paths):
        try:
            rows.append(row := json.loads(line))
        except json.JSONDecodeError:
            kinds["cut"] += 1
            continue
        kinds["no host"] += row["host"] is None
        kinds["no zone"] += not row["pinged_at"].endswith("Z")
        kinds["text"] += row["load"] == "high"
        kinds["negative"] += row["load"] == -1.5
    # Each of the five defects takes a fifth of a tenth; five standard deviations of that.
    expected = len(rows) * 0.02
    assert all(abs(kinds[kind] - expected) < 5 * expected**0.5 + 0.003 * len(rows) for kind in kinds), kinds
    assert len(kinds) == 5
    ids = Counter(row["event_id"] for row in rows)
    assert set(ids.values()) == {1, 2}
    failed = [row["pinged_at"] for row in rows if not row["success"]]
    assert failed
    assert {at[:10] for at in failed} == {outage.isoformat()}
    assert {int(at[11:13]) for at in failed} == {13, 14, 15}


def test_a_family_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"families must be some of platform, registry.*, but there is nonsense"):
        write_sample(tmp_path, clean(families=("registry", "nonsense")))


def test_no_two_tables_share_a_random_stream_or_a_folder() -> None:
    everything = families.make_families(clean(families=tuple(FAMILIES)))
    tables = [(name, table.stream) for family in everything for name, table in family.items()]
    assert len({name for name, _ in tables}) == len({stream for _, stream in tables}) == len(tables)
