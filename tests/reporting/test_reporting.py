"""Reports against golden files, and what must hold for every report.

After a wanted change of a report, write the golden files anew and read the difference before it is committed:

    UPDATE_GOLDEN=1 pytest tests/reporting/test_reporting.py
"""

import hashlib
import json
import re
from base64 import b64encode
from html.parser import HTMLParser
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from report_values import REPORTS, assert_golden, day_report, day_rows, hostile_report, language, section, week_report

from analytics_etl import reporting
from analytics_etl.config.settings import TEMPLATES_DIR
from analytics_etl.reporting import svg


@pytest.fixture(params=[*REPORTS, "hostile_day"])
def report(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {**REPORTS, "hostile_day": hostile_report}[request.param]()


@pytest.mark.parametrize("name", REPORTS)
def test_report_is_the_golden_one(name: str) -> None:
    value = REPORTS[name]()
    assert_golden(f"{name}.json", reporting.render_json(value))
    assert_golden(f"{name}.html", reporting.render_html(value))


def test_index_is_the_golden_one() -> None:
    entries = [reporting.index_entry(build()) for build in REPORTS.values()][::2]
    assert_golden("index.json", reporting.render_index_json(entries))
    assert_golden("index.html", reporting.render_index(entries))


def test_report_fits_its_schema(report: dict[str, Any]) -> None:
    schema = json.loads((TEMPLATES_DIR / "report.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(json.loads(reporting.render_json(report)))


def test_index_fits_its_schema(report: dict[str, Any]) -> None:
    schema = json.loads((TEMPLATES_DIR / "index.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    index = json.loads(reporting.render_index_json([reporting.index_entry(report)]))
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(index)


def test_same_value_gives_same_bytes(report: dict[str, Any]) -> None:
    assert reporting.render_json(report) == reporting.render_json(json.loads(reporting.render_json(report)))
    assert reporting.render_html(report) == reporting.render_html(json.loads(reporting.render_json(report)))


class _Page(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "srcset", "xlink:href", "data")]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


def test_page_asks_the_network_for_nothing(report: dict[str, Any]) -> None:
    for text in (reporting.render_html(report), reporting.render_index([reporting.index_entry(report)])):
        page = _Page()
        page.feed(text)
        scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
        assert len(scripts) == ("script" in page.tags)
        for script in scripts:  # ours alone may run: whatever else stands in the page has another hash
            digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
            assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'\"" in text
        assert not page.tags & {"link", "img", "iframe", "object", "embed", "base", "form", "image"}
        assert all(re.fullmatch(r"[\w./~=-]+\.(html|json)", link) for link in page.links)
        forbidden = r"fetch|XMLHttp|import|eval|Function|innerHTML|insertAdjacent|document\.write"
        assert not re.search(forbidden, "".join(scripts))
        assert not page.handlers
        assert len(page.ids) == len(set(page.ids))
        assert "http:" not in text
        assert "https:" not in text
        assert "url(" not in text
        assert "@import" not in text


def test_names_from_events_are_escaped() -> None:
    text = reporting.render_html(hostile_report())
    assert text.count("<script") == 1, "the page's own"
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in text
    assert "\x1b" not in re.sub(r'title="[^"]*"', "", text)


def test_every_picture_can_be_read_out(report: dict[str, Any]) -> None:
    pictures = re.findall(r"<svg[^>]*>", reporting.render_html(report))
    assert all('role="img"' in picture and re.search(r'aria-label="[^"]+"', picture) for picture in pictures)
    assert all("viewBox=" in picture for picture in pictures)


def test_every_colour_of_a_picture_has_a_dark_side() -> None:
    text = reporting.render_html(week_report())
    used = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]+)"', text.split("</style>")[1]))
    mapped = set(re.findall(r'svg \[(?:fill|stroke)="(#[0-9a-f]+)"\]', text))
    assert used
    assert used <= mapped


def test_text_has_enough_contrast() -> None:
    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    for side in (0, 1):
        for background in ("page", "surface"):
            for text in ("ink", "muted", "accent", "good", "warn", "bad"):
                pair = sorted(luminance(svg.PALETTE[name][side]) for name in (background, text))
                assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, (text, background, side)


@pytest.mark.parametrize(
    ("highest", "axis_format", "ticks"),
    [
        (0.5, "~s", ["0", "0.5"]), (1, "~s", ["0", "1"]), (2, "~s", ["0", "1", "2"]), (3, "~s", ["0", "1", "2", "3"]),
        (1500, "~s", ["0", "500", "1k", "1.5k"]), (1_500_000, "~s", ["0", "500k", "1M", "1.5M"]),
        (2.5e9, "~s", ["0", "1B", "2B"]), (0.5, "~%", ["0", "20%", "40%"]),
    ],
)  # fmt: skip
def test_an_axis_says_numbers_as_people_do(highest: float, axis_format: str, ticks: list[str]) -> None:
    """No 500m for a half, and no halves of things that are counted."""
    column = svg.Column("Mon", highest, "", is_current=True, is_partial=False)
    drawn = svg.draw_columns([column], axis_format, "c", "wide")
    assert re.findall(r"<text[^>]*>([^<]*)</text>", drawn) == ["Mon", *ticks]


def test_sparkline_keeps_gaps() -> None:
    everything, current = svg.sparkline([2, None, 1, 2], 1)
    assert everything == "M0 2L0 2M66.67 14L66.67 14L100 2"
    assert current == "M100 2L100 2"


def test_large_tables_open_with_their_first_rows_and_hold_all() -> None:
    rows = day_rows()
    rows["languages"] = [language(f"language_{number}", 10, 1, 0.01) for number in range(100)]
    report = day_report(rows)
    text = reporting.render_html(report)
    assert ">All 100 rows</label>" in text
    table = text[text.index("-languages.csv") :].split("</table>")[0]
    rows_of_table = re.findall(r"<tr( class=\"rest\")?>\s*<td class=\"name\" title=\"language_(\d+)\"", table)
    assert [int(number) for _, number in rows_of_table] == list(range(100))
    assert [bool(rest) for rest, _ in rows_of_table] == [False] * 10 + [True] * 90
    assert len(section(report, "languages")["rows"]) == 100
