"""Fixtures of the tests of a lake on S3: a test module names this file as a plugin to have them."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from s3_servers import S3Server, s3_server

from analytics_etl.config.settings import Settings
from analytics_etl.postgres.database import Database


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    with s3_server(monkeypatch) as server:
        yield server


@pytest.fixture
def on_s3(settings: Settings, s3: S3Server) -> Settings:
    """The settings of the test, with a lake on S3."""
    return replace(settings, lake_url=s3.url)


@pytest.fixture
def s3_database(on_s3: Settings) -> Database:
    return Database(on_s3)
