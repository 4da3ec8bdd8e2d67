"""What tests share: one real PostgreSQL a session, one database a test, cloned from a migrated template."""

import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import hypothesis
import psycopg
import pytest

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import CHECKOUT, Settings
from analytics_etl.postgres import migrations
from analytics_etl.postgres import server as embedded
from analytics_etl.postgres.database import Database
from analytics_etl.postgres.pool import close_pools
from analytics_etl.schemas import Parser

gc.set_threshold(100_000, 50, 100)  # what a session holds is walked through less often: 1 to 11 % less time

pytest.register_assert_rewrite("books")  # so that its failures show values, like those of a test

REAL_DATA = CHECKOUT.parent / "shared" / "data"
SECOND_POSTGRES_URL = os.environ.get("ANALYTICS_TEST_POSTGRES_URL")
for _name in {name for name in os.environ if name.startswith("ANALYTICS_")} - {"ANALYTICS_TEST_POSTGRES_URL"}:
    del os.environ[_name]  # the settings of whoever types `make test`

needs_real_data = pytest.mark.skipif(not REAL_DATA.is_dir(), reason="the real data sets are not beside the checkout")
needs_second_postgres = pytest.mark.skipif(
    SECOND_POSTGRES_URL is None, reason="ANALYTICS_TEST_POSTGRES_URL names no second PostgreSQL"
)

# In CI the same examples each time. `--hypothesis-profile thorough` looks for hours rather than seconds.
hypothesis.settings.register_profile(
    "ordinary", max_examples=10, deadline=None, derandomize=bool(os.environ.get("CI")), print_blob=True
)
hypothesis.settings.register_profile("thorough", max_examples=1000, deadline=None, print_blob=True)
hypothesis.settings.load_profile("ordinary")


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server with a migrated template database."""

    admin_url: str
    template: str

    def url(self, database: str) -> str:
        parts = urlsplit(self.admin_url)
        return urlunsplit(parts._replace(path=f"/{database}"))

    def clone(self) -> str:
        """A new database like the template, to which nobody may be connected; returns its URL."""
        return self._create(f"test_{uuid4().hex[:12]}", self.template)

    @contextmanager
    def made_once(
        self, folder: Path, make: Callable[[Database], None], families: tuple[str, ...] = ()
    ) -> Iterator[Settings]:  # fmt: skip
        """A world that several tests begin with: `make` fills it, `copy` gives it to a test."""
        settings = settings_in(folder, self.clone(), families=families)
        make(Database(settings))
        with psycopg.connect(self.admin_url, autocommit=True) as connection:  # Dagster's instance may still be there
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s",
                [urlsplit(settings.database_url or "").path[1:]],
            )
        yield settings
        self.drop(settings.database_url or "")

    def copy(self, made: Settings, settings: Settings) -> None:
        """Give the database and the folders of a test the content of others."""
        self.drop(settings.database_url or "")
        self._create(*(urlsplit(of.database_url or "").path[1:] for of in (settings, made)))
        shutil.copytree(made.home.parent, settings.home.parent, dirs_exist_ok=True)

    def _create(self, name: str, template: str) -> str:
        close_pools()
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(f"create database {name} template {template} strategy file_copy")
        return self.url(name)

    def forget_power_cuts(self) -> None:
        """Write to disk when it suits: hundreds of databases are made and dropped, and only processes are killed here.

        With copies of files a new database then takes a third of the time.
        """
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            for setting in ("fsync", "full_page_writes"):
                connection.execute(f"alter system set {setting} = off")
            connection.execute("select pg_reload_conf()")

    def drop(self, url: str) -> None:
        close_pools()
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(f"drop database if exists {urlsplit(url).path[1:]} with (force)")


@pytest.fixture(scope="session")
def parser() -> Iterator[Parser]:
    """Reads versions of schemas."""
    with Parser(2) as parser:
        yield parser


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The embedded server, in a folder that the system user it runs as can reach."""
    home = reachable_folder()
    server = _with_template(embedded.ensure_running(home))
    server.forget_power_cuts()
    yield server
    embedded.stop(home)
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def second_server() -> Iterator[Server]:
    """Another PostgreSQL, of another version, that CI starts."""
    assert SECOND_POSTGRES_URL is not None
    server = _with_template(SECOND_POSTGRES_URL)
    yield server
    server.drop(server.url(server.template))


@pytest.fixture
def settings(server: Server, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Settings]:
    """Settings with a database, a home and a landing folder of the test's own.

    A module whose tests need some families only names them as FAMILIES_IN_USE: a run takes a fraction then.
    """
    url = server.clone()
    yield settings_in(tmp_path, url, families=getattr(request.module, "FAMILIES_IN_USE", ()))
    server.drop(url)


@pytest.fixture
def database(settings: Settings) -> Database:
    return Database(settings)


@pytest.fixture(scope="module")
def catalog(request: pytest.FixtureRequest) -> Catalog:
    """What is declared of the families that the module's tests need."""
    return _catalog_of(getattr(request.module, "FAMILIES_IN_USE", ()))


@lru_cache
def _catalog_of(families: tuple[str, ...]) -> Catalog:
    return Catalog(in_use=families)


def settings_in(
    folder: Path, url: str, start_date: date = date(2025, 1, 1), families: tuple[str, ...] = ()
) -> Settings:  # fmt: skip
    return Settings(
        home=folder / "home",
        database_url=url,
        landing_dir=folder / "landing",
        reports_dir=folder / "reports",
        exports_dir=folder / "exports",
        lake_dir=folder / "lake",
        archive_dir=folder / "archive",
        start_date=start_date,
        families=families,
    )


def reachable_folder() -> Path:
    """A temporary folder that other users may enter, as the embedded server needs when tests run as root."""
    folder = Path(tempfile.mkdtemp(prefix="analytics_etl_test_"))
    folder.chmod(0o755)
    return folder


def _with_template(admin_url: str) -> Server:
    server = Server(admin_url, f"template_{uuid4().hex[:8]}")
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(f"create database {server.template}")
    migrations.upgrade(replace(Settings(), database_url=server.url(server.template)))
    return server


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--retention-days", default="18", help="days of the three tables in test_retention_killed.py")
