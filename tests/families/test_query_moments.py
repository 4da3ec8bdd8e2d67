"""Days and moments as a person types them, among them those that answers print."""

from datetime import datetime

import click
import pytest
from click.testing import CliRunner

from analytics_etl.cli import ranges

ONE = datetime(2025, 3, 31, 13)  # noqa: DTZ001 - moments without a zone are UTC
HALF = ONE.replace(microsecond=500_000)


def window(*words: str) -> tuple[int, str]:
    """Exit code, and the window that a command gets, or the message."""

    @click.command()
    @ranges.moments()
    def command(start: datetime, end: datetime | None) -> None:
        click.echo(f"{start.isoformat()} {end.isoformat() if end else ''}".strip())

    found = CliRunner().invoke(command, list(words))
    return found.exit_code, found.output.strip()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-03-31T13:00", ONE),
        ("2025-03-31T13:00:00", ONE),
        ("2025-03-31T13:00:00Z", ONE),
        ("2025-03-31T13:00Z", ONE),
        ("2025-03-31T13:00:00.5Z", HALF),
        ("2025-03-31T13:00:00.500000Z", HALF),
        ("2025-03-31T13:00:00.5", HALF),
        ("2025-03-31T13:00:00.500000999Z", HALF),
        ("2025-03-31T15:00:00+02:00", ONE),
        ("2025-03-31T15:00:00+0200", ONE),
        ("2025-03-31T15:00:00+02", ONE),
        ("2025-03-31T08:30:00.5-04:30", HALF),
        ("2025-04-01T01:00:00+12:00", ONE),
    ],
)
def test_a_moment_is_taken_as_utc_or_by_its_offset(text: str, moment: datetime) -> None:
    assert window("--from", text, "--to", text) == (0, f"{moment.isoformat()} {moment.isoformat()}")


def test_a_day_as_the_end_is_included() -> None:
    assert window("--from", "2025-03-31", "--to", "2025-03-31") == (0, "2025-03-31T00:00:00 2025-04-01T00:00:00")


@pytest.mark.parametrize(
    "text",
    [
        *("2025-03-31T25:00:00Z", "2025-03-31T13:00:00+25:00", "2025-02-30T00:00:00Z", "2025-03-31T13:00:00ZZ"),
        *("2025-03-31T13:00:00 UTC", "20250331T130000Z", "2025-03-31T", "T13:00", "0001-01-01T00:00:00+05:00", "Z"),
        *("2025-03-31T13:00:00.Z", "2025-03-3\N{ARABIC-INDIC DIGIT ONE}T13:00:00Z", ""),
    ],
)
def test_what_is_no_moment_is_refused_with_a_line(text: str) -> None:
    for words in (("--from", text), ("--from", "2025-03-31", "--to", text)):
        code, said = window(*words)
        assert code == 2
        assert "Traceback" not in said
        assert repr(text) in said
