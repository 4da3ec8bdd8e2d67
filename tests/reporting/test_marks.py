"""The marks of states: one set, taken from one place by status, reports and index, and explained by the documents."""

import json
from pathlib import Path
from typing import get_args

import pytest

from analytics_etl import reporting
from analytics_etl.catalog.states import FLAGS, STATES, TONES
from analytics_etl.cli import inspection
from analytics_etl.monitoring.status import Flag, State
from analytics_etl.reporting import render

ROOT = Path(__file__).resolve().parent.parent.parent
GOLDEN = Path(__file__).parent.parent / "golden"
SIGNS = {mark.sign for mark in (*STATES.values(), *FLAGS.values())} | set(TONES.values())
LOOKALIKES = {"■", "□", "✕", "✔", "✖", "○"}


def test_every_state_has_a_mark_of_its_own() -> None:
    assert set(STATES) == set(get_args(State))
    assert set(FLAGS) == set(get_args(Flag))
    assert len({mark.sign for mark in (*STATES.values(), *FLAGS.values())}) == len(STATES) + len(FLAGS)
    assert set(inspection.COLORS) == {*STATES, *FLAGS}
    assert set(render.STATE_TONES) == set(STATES) - {"outdated"}  # which only the code can tell


@pytest.mark.parametrize("path", sorted((ROOT / "reports_templates").glob("*.j2")), ids=lambda path: path.name)
def test_no_template_writes_them_by_hand(path: Path) -> None:
    said = (SIGNS | LOOKALIKES) - {"▲", "~", "!", "·"}  # an arrow up, and what else stands in any text
    assert not [sign for sign in said if sign in path.read_text(encoding="utf-8")]


def test_report_and_index_show_the_same_mark() -> None:
    value = json.loads((GOLDEN / "ordinary_day.json").read_text(encoding="utf-8"))
    page = reporting.render_html(value)
    assert '<span class="badge good">● final</span>' in page
    assert '<span class="good">● final</span></td>' in page
    assert '<span class="badge good">✓ complete</span>' in page
    index = reporting.render_index([reporting.index_entry(value)])
    assert '<span class="good" aria-label="final">●</span>' in index
    value["state"]["is_complete"] = False
    index = reporting.render_index([reporting.index_entry(value)])
    assert '<span class="bad" aria-label="incomplete">✗</span>' in index
    assert '<span class="badge bad">✗ incomplete</span>' in reporting.render_html(value)


def test_the_page_on_operations_explains_them() -> None:
    operations = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    for mark in (*STATES.values(), *FLAGS.values()):
        assert f"{mark.sign} {mark.words}" in operations
        assert f"`{mark.sign}`" in operations
    assert not [sign for sign in LOOKALIKES if sign in operations]
