"""The dashboard over a few days of sample events: its numbers are those of the API, and names do no harm."""

import csv
import io
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
from conftest import Server, settings_in
from events import download, execute, load_and_aggregate, put, write
from served import serving

from analytics_etl.api.guard import POLICY
from analytics_etl.api.pages.dashboard import PERIODS, PLACES
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import Settings
from analytics_etl.families.sample import SampleOptions, write_sample
from analytics_etl.ops import api_tokens
from analytics_etl.pipeline.alerts import judge
from analytics_etl.pipeline.reports import write_index, write_report
from analytics_etl.postgres.database import Database

LAST = date(2025, 3, 31)
FIRST = LAST - timedelta(days=1)
HOSTILE = "=<script>alert('x')</script>\"&/../é"
DARK = ("/", "/alerts", "/services", "/tenants", "/pipeline", "/sign-in")
"""Pages that have all colours between them."""
FAMILIES = ("registry", "usage", "schedules", "services", "platform")


@pytest.fixture(scope="module")
def settings(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Two days of all families with a hostile name among them, and a report."""
    url = server.clone()
    settings = settings_in(tmp_path_factory.mktemp("dashboard"), url)
    write_sample(settings.landing_dir, SampleOptions(LAST, days=2, events_per_day=300, families=FAMILIES))
    names = {"module_name": HOSTILE, "version": HOSTILE, "organization_id": HOSTILE, "language": HOSTILE}
    write(settings, "download_events/hostile.ndjson", [download(n, LAST, **names) for n in range(900_000, 900_500)])
    database = Database(settings)
    load_and_aggregate(database, FIRST, LAST)
    write_report(database, Catalog.of(settings), "registry", "day", LAST)
    write_index(settings.reports_dir)
    yield settings
    server.drop(url)


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[httpx.Client]:
    with serving(settings) as client:
        yield client


class Outline(HTMLParser):
    """The elements of a page, and what cannot be reached or read by somebody."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def cards(page: str) -> dict[str, str]:
    """{label: the exact value} of a page's cards."""
    found = re.findall(r'class="label">([^<]*)</span>\s*<span class="value" title="([^"]*)"', page)
    return {unescape(label): unescape(value) for label, value in found}


def details_of(client: httpx.Client) -> list[str]:
    """Paths of pages about one thing, and of answers to searches."""
    schema = client.get("/api/v1/usage/top?limit=1").json()["rows"][0]["schema_id"]
    schedule = client.get("/api/v1/schedule-analytics/level/INFO?limit=1").json()["rows"][0]["schedule_id"]
    return [
        f"/module?name={quote(HOSTILE)}", f"/organization?id={quote(HOSTILE)}", f"/schema?id={schema}",
        f"/schedule?id={quote(schedule)}", "/service?id=search", "/tenant?id=acme", "/modules?q=nothing",
        "/schemas?q=a", "/sign-in",
    ]  # fmt: skip


def rows_of(client: httpx.Client, path: str, table: str) -> list[dict[str, str]]:
    """The CSV of a table of a page."""
    answer = client.get(f"{path}{'&' if '?' in path else '?'}csv={table}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8"), answer.text
    assert answer.headers["content-disposition"] == f'attachment; filename="{table}.csv"'
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_numbers_are_those_of_the_api(client: httpx.Client) -> None:
    figures = client.get("/api/v2/analytics/overview").json()
    shown = cards(client.get("/").text)
    assert shown["Modules"] == f"{figures['modules']:,}"
    assert shown["Downloads in 30 days"] == f"{figures['total_downloads_30d']:,}"
    assert float(shown["Errors"]) == pytest.approx(figures["error_ratio"])
    popular = client.get("/api/v2/analytics/modules/popular?period=7d&limit=10").json()["rows"]
    assert [(row["module_name"], int(row["download_count"])) for row in rows_of(client, "/", "top_modules")] == [
        (f"'{HOSTILE}" if row["module_name"] == HOSTILE else row["module_name"], row["downloads"]) for row in popular
    ]
    name = popular[1]["module_name"]
    totals = client.get(f"/api/v2/analytics/modules/{name}/stats?period=1d").json()["totals"]
    module = cards(client.get(f"/module?name={name}&period=1d").text)
    assert module["Downloads"] == f"{totals['download_count']:,}"
    assert module["Downloaded"] == f"{totals['total_download_bytes']:,} bytes"
    organization = client.get("/api/v2/analytics/organizations/acme/dashboard?period=7d").json()
    assert cards(client.get("/organization?id=acme").text)["Requests"] == f"{organization['requests']:,}"
    top = client.get("/api/v1/usage/top?period=7d&limit=1").json()["rows"][0]
    schema = cards(client.get(f"/schema?id={top['schema_id']}").text)
    assert schema["Operations"] == f"{top['operation_count']:,}"
    attempts = client.get("/api/v1/schedule-analytics/stats?period=7d").json()["rows"]
    schedules = cards(client.get("/schedules").text)
    assert schedules["Attempts"] == f"{sum(row['attempt_count'] for row in attempts):,}"
    services = client.get("/api/v1/analytics/aggregations?period=1d&days=7").json()["rows"]
    assert cards(client.get("/services").text)["Operations"] == f"{sum(row['event_count'] for row in services):,}"
    tenants = {row["tenant_id"] for row in rows_of(client, "/tenants", "tenants")}
    assert tenants > {"", "acme"}
    for tenant in ("acme", ""):
        assert {row["tenant_id"] for row in rows_of(client, f"/tenants?tenant={tenant}", "tenants")} == {tenant}


def test_every_page_can_be_read_by_everybody_and_asks_nobody_else(client: httpx.Client) -> None:
    for path in [*PLACES, *details_of(client)]:
        answer = client.get(path)
        assert answer.status_code == 200, (path, answer.text)
        assert answer.headers["content-security-policy"] == POLICY
        page = Outline(answer.text)
        scripts = [] if path == "/sign-in" else [{"src": "/static/live.js", "defer": None}]
        assert page.all("script") == scripts, path
        assert not page.all("style")
        assert not [attributes for _, attributes in page.found if "style" in attributes], path
        assert HOSTILE not in answer.text
        assert answer.text.count("<script") == len(scripts)
        assert [len(page.all(tag)) for tag in ("main", "h1")] == [1, 1]
        assert page.all("a")[0]["href"] == "#content"
        assert page.all("main")[0]["id"] == "content"
        assert all(nav["aria-label"] for nav in page.all("nav"))
        assert len(page.all("caption")) == len(page.all("table"))
        assert all(head["scope"] in ("col", "row") for head in page.all("th"))
        assert all(svg.get("aria-label") or svg.get("aria-hidden") for svg in page.all("svg"))
        ids = [attributes["id"] for _, attributes in page.found if "id" in attributes]
        assert len(ids) == len(set(ids))
        links = [a["href"] or "" for a in page.all("a")] + [link["href"] or "" for link in page.all("link")]
        assert all(link.startswith(("/", "#")) and not link.startswith("//") for link in links), path
        for link in links:
            if "csv=" in link:
                assert client.get(link).headers["content-type"].startswith("text/csv"), link
    for path in ("/dashboard/reports.css", "/static/dashboard.css", "/static/icon.svg", "/static/live.js"):
        assert client.get(path).status_code == 200


def test_periods_search_and_pages_of_modules(client: httpx.Client) -> None:
    for period in PERIODS:
        assert f'href="/modules?period={period}"' in client.get(f"/modules?period={period}").text
    names = [row["module_name"] for row in rows_of(client, "/modules", "modules")]
    part = names[1].split(".")[0]
    found = [row["module_name"] for row in rows_of(client, f"/modules?q={part.upper()}", "modules")]
    assert found == [name for name in names if part in name]
    page = client.get("/modules").text
    seen = re.findall(r'href="/module\?name=([^&]*)&amp;', page)
    while (following := re.search(r'rel="next" href="([^"]*)"', page)) is not None:
        page = client.get(unescape(following[1])).text
        seen += re.findall(r'href="/module\?name=([^&]*)&amp;', page)
    assert len(seen) == len(names)
    assert client.get("/schedules?q=nightly", follow_redirects=False).headers["location"] == (
        "/schedule?id=nightly&period=7d"
    )


def test_what_cannot_be_shown_is_said_in_a_page(client: httpx.Client) -> None:
    for path, status in {
        "/modules?period=5d": 422, "/modules?perod=7d": 422, "/modules?cursor=x": 422, "/module?name=%00": 422,
        "/schema?id=x": 422, "/?csv=nothing": 404, "/reports/nothing.html": 404, "/reports/..%2F..%2Fa.json": 404,
        "/reports/.index_entries.json%00": 404,
    }.items():  # fmt: skip
        answer = client.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8"), path
        assert "<h1>This cannot be shown</h1>" in answer.text
    listed = rows_of(client, "/reports", "daily")
    report = client.get(f"/reports/{listed[0]['file']}")
    assert report.status_code == 200
    assert "script-src 'sha256-" in report.headers["content-security-policy"]
    states = rows_of(client, "/pipeline", "states")
    assert {row["table_name"] for row in states} >= {"registry.download_events", "usage.schema_usage_1d"}
    assert {row["03-31"] for row in states} <= set("●◐✗▪▫!·")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A real browser, if one is installed."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: make install")
    program = next((found for name in ("chromium", "google-chrome", "chrome") if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("there is no Chromium here: apt-get install chromium")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(client: httpx.Client, browser: Any) -> Iterator[Any]:
    """A page on a phone, of which nothing may go wrong, and which asks this server alone."""
    said: list[str] = []
    host = client.base_url.netloc.decode()
    context = browser.new_context(base_url=str(client.base_url), viewport={"width": 390, "height": 844})
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url) if urlsplit(request.url).netloc != host else None)
    yield page
    context.close()
    assert said == []


@pytest.fixture(scope="module")
def axe() -> str:
    """The script of axe-core, which finds what keeps people from reading a page."""
    return (Path(pytest.importorskip("axe_playwright_python").__file__).parent / "axe.min.js").read_text("utf-8")


def barriers(page: Any, axe: str, *, in_dark: bool) -> list[tuple[str, str]]:
    """(rule, element) of each breach of WCAG A and AA and of good practice on a page; its colours in the dark, too."""
    page.evaluate(axe)
    broken = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    if in_dark:
        page.emulate_media(color_scheme="dark")
        broken += page.evaluate("axe.run({resultTypes: ['violations'], runOnly: ['color-contrast']})")["violations"]
        page.emulate_media(color_scheme="light")
    return [(one["id"], node["html"][:200]) for one in broken for node in one["nodes"]]


def test_everybody_can_read_every_page(client: httpx.Client, page: Any, axe: str) -> None:
    """On a phone, by a screen reader, in any light."""
    for path in [*PLACES, *details_of(client)]:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path  # a phone need not scroll sideways
        assert barriers(page, axe, in_dark=path in DARK) == [], path
        snapshot = page.locator("body").aria_snapshot()
        assert '- heading "' in snapshot
        assert "- main:" in snapshot
        for name in PLACES.values():
            assert f'- link "{name}"' in snapshot


def test_a_browser_filters_searches_and_downloads(page: Any) -> None:
    page.goto("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.get_by_role("link", name="Modules", exact=True).click()
    page.get_by_role("navigation", name="Period").get_by_role("link", name="1 day").click()
    page.wait_for_url("**period=1d*")
    page.get_by_role("searchbox", name="Search modules").fill(HOSTILE[1:8].upper())
    page.keyboard.press("Enter")
    page.wait_for_url("**q=*")
    assert page.get_by_role("table", name="Modules by downloads").get_by_role("row").count() == 2
    with page.expect_download() as saved:
        page.get_by_role("link", name="CSV: Modules by downloads").click()
    assert saved.value.suggested_filename == "modules.csv"
    assert next(csv.DictReader(io.StringIO(saved.value.path().read_text())))["module_name"] == f"'{HOSTILE}"
    page.get_by_role("link", name=HOSTILE[1:8]).click()
    page.wait_for_url("**/module?**")
    assert page.get_by_role("heading", level=1).text_content().replace("\n", "") == HOSTILE
    page.get_by_role("link", name="Tenants").click()
    page.get_by_role("combobox", name="Tenant").select_option("acme")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**tenant=acme*")
    assert page.get_by_role("heading", level=1).text_content() == "acme"
    page.goto("/reports")
    page.get_by_role("link", name="Registry, Monday 31 March 2025").click()
    page.wait_for_url("**.html")
    assert "31 March 2025" in page.get_by_role("heading", level=1).text_content()


def test_a_browser_looks_after_an_alert_and_sees_what_others_do(
    client: httpx.Client, settings: Settings, page: Any
) -> None:
    """Numbers move without loading the page again, and what is being posted is shown."""
    rule = {"name": "busy", "severity": "critical", "metricName": "view_count",
            "condition": {"operator": ">", "threshold": 0}}  # fmt: skip
    assert client.post("/analytics/alerts", json=rule).status_code == 201
    execute(settings.database_url, "update ops.partitions set updated_at = clock_timestamp()")  # published again
    assert judge(Database(settings), Catalog.of(settings)) == 2
    rows = client.get("/analytics/alerts?severity=critical&status=triggered").json()["rows"]
    [alert] = [row for row in rows if row["name"] == "busy"]
    page.goto("/alerts")
    page.locator("#live").get_by_text("Live").wait_for()
    page.evaluate("window.isTheSame = true")
    page.locator(f"#alert-{alert['id']} summary").click()
    page.get_by_role("textbox", name="Reason").locator("visible=true").fill("a busy day")
    page.get_by_role("button", name="Acknowledge").locator("visible=true").click()
    page.get_by_role("row", name="busy").get_by_text("acknowledged").wait_for()
    found = client.get(f"/analytics/alerts/{alert['id']}").json()
    assert (found["status"], found["acknowledgedBy"]) == ("acknowledged", "somebody on this machine")
    page.locator("#live").get_by_text("Live").wait_for()
    page.evaluate("window.isTheSame = true")
    assert client.post(f"/analytics/alerts/{alert['id']}/resolve").status_code == 200
    page.get_by_role("row", name="busy").get_by_text("resolved").wait_for()
    for value in (41, 42):
        sample = {"name": "queue_length", "type": "gauge", "category": "system", "value": value,
                  "labels": {"host": "<b>"}, "recorded_at": f"{datetime.now(UTC):%FT%TZ}"}  # fmt: skip
        assert client.post("/analytics/metrics", json=sample).status_code == 202
        page.get_by_role("row", name="queue_length host=<b>").get_by_text(str(value), exact=True).wait_for()
    assert page.evaluate("window.isTheSame") is True
    client.delete("/analytics/alerts/rules/busy")


def test_a_browser_signs_in_with_a_token(settings: Settings) -> None:
    database = Database(settings)

    def token(role: api_tokens.Role, tenant: str | None = None) -> str:
        until = datetime.now(UTC) + timedelta(1)
        return database.run(api_tokens.create, "test", f"a {role}", role, until, tenant)[1]

    viewer, ingest, of_tenant = token("viewer"), token("ingest"), token("viewer", "acme")
    with serving(settings) as client:
        refused = client.get("/modules")
        assert (refused.status_code, 'name="token"' in refused.text) == (401, True)
        assert client.post("/sign-in", data={"token": "x"}).status_code == 401
        assert client.post("/sign-in", data={"token": ingest}).status_code == 403
        foreign = client.post("/sign-in", data={"token": viewer}, headers={"Sec-Fetch-Site": "cross-site"})
        assert foreign.status_code == 403
        answer = client.post("/sign-in", data={"token": viewer})
        kept = answer.headers["set-cookie"]
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert all(word in kept for word in ("HttpOnly", "SameSite=strict", "Max-Age="))
        assert client.get("/modules").status_code == 200
        assert client.get("/api/v2/analytics/overview").status_code == 401  # the API takes no cookie
        client.post("/sign-out")
        assert client.get("/modules").status_code == 401
        assert client.post("/sign-in", data={"token": of_tenant}).headers["location"] == "/tenants"
        assert {row["tenant_id"] for row in rows_of(client, "/tenants", "tenants")} == {"acme"}
        assert rows_of(client, "/tenant?id=globex", "tenants") == []
        assert client.get("/").status_code == 403
    execute(settings.database_url, "delete from ops.api_tokens")


def test_pages_are_there_before_the_first_day(server: Server, tmp_path: Any) -> None:
    url = server.clone()
    with serving(settings_in(tmp_path, url)) as client:
        for path in [*PLACES, "/module?name=a", "/organization?id=a", "/schedule?id=a", "/service?id=a", "/tenant?id=a",
                     "/schema?id=00000000-0000-0000-0000-000000000001"]:  # fmt: skip
            answer = client.get(path)
            assert answer.status_code == 200, (path, answer.text)
            assert "<table" not in answer.text or path in ("/module?name=a", "/pipeline"), path
    server.drop(url)


def test_signals_have_their_band(server: Server, tmp_path: Any) -> None:
    """Two points of a series, the second unusual, and what is expected next."""
    settings = settings_in(tmp_path, server.clone(), FIRST)
    unusual = {
        "series_id": "s", "metric": "error_ratio", "grain": "1d", "unit": "ratio", "entity": "play",
        "series_labels": "{}", "score": 0.9, "aspect": "value", "lower_value": 0.1, "upper_value": 0.2,
    }  # fmt: skip
    put(settings, {
        "services.anomalies": [
            {**unusual, "day": FIRST, "bucket": f"{FIRST}T00:00:00Z", "value": 0.15, "is_anomaly": False},
            {**unusual, "day": LAST, "bucket": f"{LAST}T00:00:00Z", "value": 0.9, "is_anomaly": True,
             "current_value": 0.9, "expected_value": 0.15, "deviation": 6.0, "severity": "critical",
             "sentence": "Most of it failed.", "incident_id": "i"},
        ],
        "services.series": [
            {"day": LAST, "series_id": "f", "bucket": f"{LAST}T00:00:00Z", "metric": "active_users", "grain": "1d",
             "unit": "count", "is_absent_zero": True, "is_forecast": True, "entity": "", "series_labels": "{}",
             "value": 90, "weight": 90},
        ],
        "services.forecasts": [
            {"day": LAST, "series_id": "f", "steps": steps, "forecast_day": LAST + timedelta(days=steps),
             "metric": "active_users", "unit": "count", "predicted_value": 90 + steps, "lower_80": 80, "upper_80": 110,
             "lower_95": 70, "upper_95": 120, "confidence_ratio": 0.8}
            for steps in (1, 7)
        ],
    })  # fmt: skip
    with serving(settings) as client:
        answer = client.get("/signals?period=7d")
        assert answer.status_code == 200, answer.text
        assert cards(answer.text) == {"Anomalies": "1", "High or critical": "1"}
        labels = [svg["aria-label"] for svg in Outline(answer.text).all("svg") if svg.get("role") == "img"]
        assert labels == [*["Most of it failed."] * 2, *["active_users of services, up to 7 April"] * 2]
        [row] = rows_of(client, "/signals", "anomalies")
        assert (row["family"], row["severity"], row["sentence"]) == ("services", "critical", "Most of it failed.")
        assert [row["predicted_value"] for row in rows_of(client, "/signals", "forecasts")] == ["91.0", "97.0"]
    server.drop(settings.database_url or "")
