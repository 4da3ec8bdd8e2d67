"""The page of a module against golden files (written anew as those of reports are), its badge and its file names."""

import json
import re
from datetime import date
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from report_values import HOSTILE, assert_golden

from analytics_etl import reporting
from analytics_etl.config.settings import TEMPLATES_DIR
from analytics_etl.reporting.module_files import module_file
from analytics_etl.reporting.module_page import build_module, build_modules, module_entry, module_window

WEIGHTS = {"complexity": 0.25, "maintainability": 0.35, "unused": 0.15, "deprecated": 0.10, "breaking": 0.15}
SCORES = {"complexity": 91.67, "maintainability": 85.71, "unused": 80.0, "deprecated": 85.71, "breaking": 87.5}
FIRST, LAST = date(2025, 3, 3), date(2025, 3, 31)


def health(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "module_name": name, "version": "2.0", "format": "protobuf", "overall_score": 86.61, "badge": "green",
        "coverage_ratio": 1.0, **{f"{part}_score": score for part, score in SCORES.items()}, "entity_count": 2,
        "fields_per_entity": 2.5, "nesting_depth": 1, "documented_ratio": 4 / 7, "named_ratio": 6 / 7,
        "largest_entity_fields": 4, "import_depth": 1, "unused_field_count": 1, "old_field_count": 5,
        "deprecated_count": 1, "breaking_count": 1, "dependent_count": 2, "reason": None, "formula_version": "1",
        "imported_modules": "acme/money", "direct_dependents": "acme/cart", "dependents": "acme/cart\nacme/web",
        **changes,
    }  # fmt: skip


def rows(name: str) -> dict[str, list[dict[str, Any]]]:
    return {
        "recommendations": [
            {"recommendation_kind": "reduce_breaking_changes", "recommendation": "Break less.", "evidence": "a\nb",
             "first_seen_day": FIRST},
        ],
        "scores": [{
            "day": LAST, "version": "2.0", "previous_day": date(2025, 3, 30), "previous_version": "1.0",
            "overall_score": 86.61, "previous_overall_score": 95.2, "badge": "green",
            "change_reason": f"version 1.0 to 2.0\nbreaking 100 to 87.5: elements broken in 30 days 0 to 1 ({name})",
        }],
        "versions": [
            {"version": "2.0", "first_day": LAST, "field_count": 5, "change_count": 3, "breaking_count": 1,
             "fault": None, "obstacle": None, "downloads": 1, "consumer_count": 1,
             "last_download_day": LAST, "version_count": 2},
            {"version": "1.0", "first_day": FIRST, "field_count": 5, "change_count": 0, "breaking_count": 0,
             "fault": f"{name}: it cannot be read", "obstacle": None, "downloads": 3, "consumer_count": 2,
             "last_download_day": LAST, "version_count": 2},
        ],
        "changes": [
            {"version": "2.0", "element": f"{name}.Order.lines", "category": "breaking_wire", "is_breaking": True,
             "rules": "FIELD_NO_DELETE", "message": "The field was removed.", "element_count": 1},
        ],
        "unused": [{"element": f"{name}.Order.total", "first_seen_day": FIRST, "is_deprecated": False,
                    "usage_known_since_day": date(2025, 2, 25)}],
        "deprecated": [
            {"element": f"{name}.Order.oldNote", "deprecated_since_day": FIRST, "usage_count": 7, "service_count": 2,
             "last_used_day": LAST},
        ],
        "weeks": [
            {"week_start": LAST, "download_count": 4, "failed_download_count": 0, "view_count": 9,
             "compilation_count": 2, "last_active_day": LAST},
        ],
        "consumers": [
            {"organization_id": name, "newest_downloaded_version": "1.0", "versions_behind": 1, "downloads": 3,
             "last_download_day": LAST, "consumer_count": 2},
            {"organization_id": "", "newest_downloaded_version": None, "versions_behind": None, "downloads": 1,
             "last_download_day": LAST, "consumer_count": 2},
        ],
        "clients": [
            {"sdk": name, "sdk_version": "1.2", "newest_downloaded_version": "1.0", "versions_behind": 1,
             "downloads": 3, "last_download_day": LAST, "client_count": 2},
            {"sdk": "", "sdk_version": "", "newest_downloaded_version": "2.0", "versions_behind": 0, "downloads": 1,
             "last_download_day": LAST, "client_count": 2},
        ],
    }  # fmt: skip


UNKNOWN = dict.fromkeys([f"{part}_score" for part in SCORES]) | dict.fromkeys(
    ["overall_score", "entity_count", "unused_field_count", "deprecated_count", "breaking_count", "dependents"]
)
PAGES = {
    "ordinary": build_module(health("acme/shop"), rows("acme/shop"), WEIGHTS, 90),
    "unknown": build_module(
        health("broken", badge="unknown", coverage_ratio=0.0, reason="it cannot be read", **UNKNOWN)
        | {"direct_dependents": None},
        {},
        WEIGHTS,
        90,
    ),
    "hostile": build_module(
        health(HOSTILE, version=HOSTILE, format=HOSTILE, reason=HOSTILE, dependents=HOSTILE), rows(HOSTILE), WEIGHTS, 90
    ),
}


def fits(name: str, text: str) -> None:
    schema = json.loads((TEMPLATES_DIR / name).read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(json.loads(text))


def test_page_is_the_golden_one() -> None:
    assert_golden("module.json", reporting.render_json(PAGES["ordinary"]))
    assert_golden("module.html", reporting.render_module(PAGES["ordinary"]))
    assert_golden("module.svg", reporting.render_badge("acme/shop", "green", 86.61))


@pytest.mark.parametrize("name", PAGES)
def test_page_fits_its_schema_and_asks_nobody(name: str) -> None:
    page = PAGES[name]
    fits("module.schema.json", reporting.render_json(page))
    html = reporting.render_module(page)
    assert reporting.render_module(json.loads(reporting.render_json(page))) == html
    assert HOSTILE not in html
    assert "<script>alert" not in html
    for link in re.findall(r'(?:href|src)="([^"]*)"', html):
        assert re.fullmatch(r"(\.\./)?[a-z0-9._~=-]+\.(html|json|svg)", link)
    assert "default-src 'none'" in html
    assert not re.search(r"https?://(?!www\.w3\.org/)", html)


def test_the_list_of_modules_has_the_lowest_scores_first() -> None:
    value, section = build_modules([module_entry(page) for page in PAGES.values()])
    fits("modules.schema.json", reporting.render_json(value))
    assert value["sentence"] == "3 modules; 2 green, 1 unknown."
    assert [entry["module_name"] for entry in value["modules"]] == [HOSTILE, "acme/shop", "broken"]
    html = reporting.render_modules(value, section)
    assert HOSTILE not in html
    assert 'href="modules/acme~shop.html"' in html


@pytest.mark.parametrize(
    ("badge", "score", "words"),
    [("green", 100, "green 100"), ("amber", 79.99, "amber 79"), ("red", 0.0, "red 0"), ("unknown", None, "unknown")],
)
def test_a_badge_says_in_words_what_its_colour_does(badge: str, score: float | None, words: str) -> None:
    text = reporting.render_badge(f"{HOSTILE}\x00\ufffe\x1b]", badge, score)
    root = ET.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    title = root.get("aria-label") or ""
    assert title == root.findtext(f"{space}title")
    assert title.startswith("schema health of ")
    assert title.endswith(f": {words}")
    assert [element.text for element in root.iter(f"{space}text")] == ["schema health", words]
    assert {element.tag.removeprefix(space) for element in root.iter()} == {
        "svg", "title", "clipPath", "rect", "g", "path", "text"
    }  # fmt: skip
    assert text.count("http") == 1  # the name of SVG, which nobody asks for


def test_no_two_modules_have_one_file() -> None:
    names = [
        "acme/shop", "acme~shop", "acme=2fshop", "Acme/shop", "acme/Shop", "../../etc/passwd", ".hidden", "-rf", "",
        "/", "a" * 256, "a" * 255 + "b", "名前", "é", "e\u0301", "a\nb", "a\x00b", "con", "index", "daily", HOSTILE,
    ]  # fmt: skip
    files = [module_file(name) for name in names]
    assert len({file.casefold() for file in files}) == len(names)
    assert all(len(file) <= 200 and not file.startswith((".", "-")) for file in files)
    assert all(re.fullmatch(r"[a-z0-9._~=-]*", file) for file in files)
    assert files[:6] == [
        "acme~shop",
        "acme=7eshop",
        "acme=3d2fshop",
        "=41cme~shop",
        "acme~=53hop",
        "=2e.~..~etc~passwd",
    ]


def test_the_days_of_a_page_begin_on_a_monday() -> None:
    assert module_window(date(2025, 3, 30)) == (date(2025, 1, 6), date(2025, 3, 31))
    assert module_window(date(2025, 3, 31)) == (date(2025, 1, 13), date(2025, 4, 1))
