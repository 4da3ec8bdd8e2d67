"""The pages are true where a machine can tell: links lead somewhere, every setting and table is on its page."""

import os
import re
from pathlib import Path
from pydoc import locate

import pytest
from events import declared
from test_layers import MAY_IMPORT

from analytics_etl.catalog.models import cadence_of
from analytics_etl.catalog.states import STATES
from analytics_etl.cli import main
from analytics_etl.config.environment import VARIABLES
from analytics_etl.config.parameters import load_parameters
from analytics_etl.config.settings import CHECKOUT, SQL_DIR
from benchmarks.family_costs import costs

DOCS = CHECKOUT / "docs"
PAGES = [CHECKOUT / "README.md", *sorted(DOCS.glob("*.md"))]
BEGIN, END = "<!-- begin -->\n", "<!-- end -->"
KINDS = {"day": "day", "week": "ISO week", "month": "month"}


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", text(page)):
        if target.startswith("http"):
            continue
        path, _, heading = target.partition("#")
        linked = page.parent / path if path else page
        assert linked.exists(), f"{page.name} links to {target}"
        if heading:
            found = {re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-")
                     for line in text(linked).splitlines() if line.startswith("#")}  # fmt: skip
            assert heading in found, f"{page.name} links to {target}"


def test_the_long_page_begins_with_its_headings() -> None:
    lines = text(DOCS / "operations.md").splitlines()
    listed = [re.fullmatch(r"( *)- \[(.+)\]\(#(.+)\)", line) for line in lines[: lines.index("| when | what |")]]
    contents = [(len(found[1]) // 2 + 2, found[2], found[3]) for found in listed if found]
    headings = [re.fullmatch(r"(##+) (.+)", line) for line in lines]
    expected = [(len(found[1]), found[2]) for found in headings if found]
    assert [(level, title) for level, title, _ in contents] == expected
    for _, title, target in contents:
        assert target == re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def test_every_picture_is_shown() -> None:
    shown = {name for page in PAGES for name in re.findall(r"\]\((?:docs/)?([\w-]+\.png)\)", text(page))}
    assert {path.name for path in DOCS.glob("*.png")} == shown


def test_the_first_page_is_short() -> None:
    assert len(text(CHECKOUT / "README.md").splitlines()) <= 135


def test_every_setting_has_a_line() -> None:
    parameters = load_parameters(SQL_DIR).values()
    declared_names = [*VARIABLES.values(), *(parameter.variable for parameter in parameters)]
    assert len(declared_names) > 30
    table = [line for line in text(DOCS / "configuration.md").splitlines() if line.startswith("| `ANALYTICS_")]
    shown = [name for line in table for name in re.findall(r"`(ANALYTICS_[A-Z0-9_]+)`", line.split(" | ")[0])]
    assert sorted(shown) == sorted(declared_names)


def test_commands_on_the_pages_are_there() -> None:
    for page in PAGES:
        for name in re.findall(r"analytics-etl ([a-z][a-z-]+)", text(page)):
            assert name in main.commands, f"{page.name}: analytics-etl {name}"


def listed() -> str:
    """Every table and view with its key and what it holds, as the page has it."""
    lines = []
    for family in declared().families:
        lines += [f"\n## `{family}`\n", "| table | of each | key | holds |", "|---|---|---|---|"]
        for table, contract in declared().contracts.items():
            if contract.family == family:
                lines.append(f"| `{table}` | event | event_id | {contract.description} |")
        for table, model in declared().derived.items():
            if model.family == family:
                of = "view" if table in declared().views else KINDS[cadence_of(table)]
                of += ", in the lake alone" if model.is_in_lake_only else ""
                lines.append(f"| `{table}` | {of} | {', '.join(model.key)} | {model.description} |")
    return "\n".join(lines) + "\n\n"


def test_every_table_has_a_line() -> None:
    page = DOCS / "tables.md"
    before, _, rest = text(page).partition(BEGIN)
    shown, _, after = rest.partition(END)
    if os.environ.get("UPDATE_DOCS"):
        page.write_text(before + BEGIN + listed() + END + after, encoding="utf-8")
        return
    assert shown == listed(), "UPDATE_DOCS=1 make test ARGS=tests/project/test_docs.py writes it anew"


def test_the_costs_of_families_are_not_far_from_what_they_are() -> None:
    """Not exact: a line more here and there needs no change of the page."""
    page = DOCS / "families.md"
    begin, end = "tests/project/test_docs.py -->\n", "\n<!-- costs end -->"
    before, _, rest = text(page).partition(begin)
    shown, _, after = rest.partition(end)
    if os.environ.get("UPDATE_DOCS"):
        page.write_text(before + begin + "\n".join(costs()) + end + after, encoding="utf-8")
        return
    for line, expected in zip(shown.splitlines(), costs(), strict=True):
        said, counted = ([cell.replace(",", "").split() for cell in row.split("|")[2:-1]] for row in (line, expected))
        assert line.split("|")[1] == expected.split("|")[1]
        assert [len(cell) for cell in said] == [len(cell) for cell in counted], "a family or kind more or less"
        for cell, now in zip(said, counted, strict=True):
            for old, new in zip(cell, now, strict=True):
                if new.isdigit():
                    assert abs(int(old) - int(new)) <= 20 + 0.2 * int(new), f"{line}: UPDATE_DOCS=1 writes it anew"


def test_the_page_on_architecture_has_every_room_in_order() -> None:
    rooms = re.findall(r"^\| `(\w+)` \|", text(DOCS / "architecture.md"), re.MULTILINE)
    assert rooms == list(MAY_IMPORT)


@pytest.mark.parametrize(("page", "at_least"), [("architecture.md", 20), ("adding.md", 5)])
def test_what_a_page_names_is_there(page: str, at_least: int) -> None:
    names = re.findall(rf"`((?:{'|'.join(MAY_IMPORT)})(?:\.\w+)+)`", text(DOCS / page))
    books = "".join(text(path) for path in SQL_DIR.glob("ops/*.sql"))
    names = [name for name in names if f"create table {'.'.join(name.split('.')[:2])} " not in books]
    assert len(names) >= at_least
    for name in names:
        assert locate(f"analytics_etl.{name}") is not None, name


def test_the_glossary_has_each_term_once_in_order_and_short() -> None:
    rows = [line.strip("| ").split(" | ") for line in text(DOCS / "glossary.md").splitlines() if line.startswith("| ")]
    head, *entries = rows
    assert head == ["term", "meaning", "page"]
    terms = [term.casefold() for term, _, _ in entries]
    assert len(terms) > 40
    assert terms == sorted(set(terms))
    for term, meaning, page in entries:
        sentences = re.findall(r"[A-Z].+?\.(?= [A-Z]|$)", meaning)
        assert " ".join(sentences) == meaning, f"{term}: whole sentences"
        assert len(sentences) in (1, 2), f"{term}: one sentence or two"
        assert re.fullmatch(r"\[[^]]+\]\([\w.-]+\.md(#[\w-]+)?\)", page), f"{term}: one page"


def test_the_glossary_has_every_state_with_its_mark() -> None:
    glossary = text(DOCS / "glossary.md")
    for name, mark in STATES.items():
        words = name.replace("_", " ")
        assert f"| {words.capitalize()} | A partition state" in glossary, f"{words} ({mark.sign})"
    for page in ("README.md", "docs/architecture.md"):
        assert "glossary.md" in text(CHECKOUT / page), page
