"""Takes pictures of the dashboard: each page at the widths of a phone, a tablet and a screen, in light and in dark.

    python -m benchmarks.pictures http://127.0.0.1:8080 FOLDER
    python -m benchmarks.pictures http://127.0.0.1:8080 docs --kept       the few that the documents show

It needs Chromium, and a server with days, such as those of `analytics-etl demo`. Pictures are to be looked at: no test
says whether a page is a pleasure to read.
"""

import argparse
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from playwright.sync_api import sync_playwright

from analytics_etl.api.pages.dashboard import PLACES

WIDTHS = (390, 768, 1440)
SCHEMES = ("light", "dark")
LONGEST = 4_000
"""Pixels of a page: of a longer one its beginning."""
KEPT = {
    "dashboard": ("overview", 1440, "light", 1_250), "dashboard-services": ("services", 1440, "light", 1_250),
    "dashboard-module": ("module", 390, "dark", 1_500), "dashboard-alerts": ("alerts", 768, "light", 1_000),
    "dashboard-signals": ("signals", 1440, "dark", 1_250),
}  # fmt: skip
"""{picture of the documents: (page, width, colours, height)}."""


def pages(url: str) -> dict[str, str]:
    """{name: path} of each page, and of one page about each kind of thing."""
    named = {name.lower(): path for path, name in PLACES.items()}
    with httpx.Client(base_url=url, timeout=60) as client:

        def first(path: str, column: str) -> str:
            return quote(str(client.get(path).json()["rows"][0][column]), safe="")

        schema = first("/api/v1/usage/top?limit=1", "schema_id")
        schedule = first("/api/v1/schedule-analytics/level/ERROR?limit=1", "schedule_id")
        module = first("/api/v2/analytics/modules/popular?limit=1", "module_name")
        service = first("/api/v1/analytics/aggregations?period=1d&limit=1", "service_id")
    about = {
        "module": f"/module?name={module}", "organization": "/organization?id=acme", "schema": f"/schema?id={schema}",
        "schedule": f"/schedule?id={schedule}", "service": f"/service?id={service}", "tenant": "/tenant?id=acme",
        "search": "/modules?q=users", "sign-in": "/sign-in", "wrong": "/modules?period=5d", "api": "/docs",
    }  # fmt: skip
    return {**named, **about}


def take(browser: Any, url: str, path: str, width: int, scheme: str, file: Path, longest: int) -> None:
    """One picture."""
    context = browser.new_context(base_url=url, viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.goto(path)
    page.wait_for_timeout(300)  # what is live says so
    height = min(longest, page.evaluate("document.documentElement.scrollHeight"))
    wide = page.evaluate("document.documentElement.scrollWidth")
    if wide > width:
        print(f"{path} is {wide} pixels wide on {width}")
    page.screenshot(path=file, full_page=True, clip={"x": 0, "y": 0, "width": width, "height": height})
    context.close()


def main() -> None:
    """Parse arguments, start a browser, take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kept", action="store_true", help="Only those of the documents.")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    found = pages(chosen.url)
    wanted = dict(KEPT) if chosen.kept else {
        f"{name}-{width}-{scheme}": (name, width, scheme, LONGEST)
        for name in found for width in WIDTHS for scheme in SCHEMES
    }  # fmt: skip
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for file, (name, width, scheme, longest) in wanted.items():
            take(browser, chosen.url, found[name], width, scheme, chosen.folder / f"{file}.png", longest)
        browser.close()


if __name__ == "__main__":
    main()
