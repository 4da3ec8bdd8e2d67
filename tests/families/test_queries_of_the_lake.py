"""Questions about days that the lake alone has are answered as before, to the last digit."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest
from conftest import Server, settings_in
from events import ask, declared, load_and_aggregate
from test_query_coverage import call

from analytics_etl.config.settings import Settings
from analytics_etl.families.sample import FAMILIES, SampleOptions, write_sample
from analytics_etl.postgres.database import Database
from analytics_etl.tables.archiving import Archiver

DAYS = [date(2025, 3, 1) + timedelta(days=n) for n in range(2)]
RANGE = f"--from {DAYS[0]} --to {DAYS[-1]}"
QUESTIONS = (
    *(f"registry events --kind {kind} {RANGE} --limit 40" for kind in ("download", "view", "compilation")),
    f"registry events --kind download {RANGE} --success-only --language go --limit 500",
    f"registry languages --grain range {RANGE}",
    f"registry organizations --grain range {RANGE}",
    f"usage events {RANGE} --limit 60",
    f"usage events {RANGE} --operation read --failed-only",
    f"schedules events {RANGE} --limit 60",
    f"schedules statistics --grain range {RANGE}",
    f"schedules statistics --grain 1h {RANGE}",
)


@pytest.fixture(scope="module")
def answers(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[str, str]]]:
    """{question: the JSON of its answer while PostgreSQL has the days, and after they have left it}"""
    settings = settings_in(tmp_path_factory.mktemp("of_the_lake"), server.clone(), start_date=DAYS[0])
    options = SampleOptions(DAYS[-1], len(DAYS), 1_500, rhythm=False, families=tuple(FAMILIES))
    write_sample(settings.landing_dir, options)
    load_and_aggregate(Database(settings), DAYS[0], DAYS[-1])
    before = {question: answer(settings, question) for question in QUESTIONS}
    archiver = Archiver(replace(settings))
    for contract in declared().contracts.values():
        for day in DAYS:
            archiver.drop(contract, day, "test")
    assert ask(settings.database_url, "select from ops.partitions p join ops.archives a "
               "on p.table_name = a.table_name and p.period_start = a.day where in_postgres") == []  # fmt: skip
    yield {question: (before[question], answer(settings, question)) for question in QUESTIONS}
    server.drop(settings.database_url or "")


def answer(settings: Settings, question: str) -> str:
    found = call(settings, f"query {question} --format json")
    assert (found.exit_code, found.stderr) == (0, ""), question
    return found.stdout


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_lake_answers_as_postgresql_did(answers: dict[str, tuple[str, str]], question: str) -> None:
    before, after = answers[question]
    assert before.count("\n") > 15
    assert after == before
