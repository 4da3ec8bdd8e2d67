"""SQLAlchemy on our database, as Great Expectations makes its engine: a URL, and sessions pinned as all others are."""

from typing import Any

import psycopg
from sqlalchemy import event
from sqlalchemy.engine import Engine

from analytics_etl.config.settings import Settings
from analytics_etl.postgres.connection import engine_url, pin, session_of, url_parts
from analytics_etl.postgres.sessions import AGGREGATION, SESSION


def sqlalchemy_url(settings: Settings, schema: str = "ops") -> str:
    """URL for SQLAlchemy on psycopg 3 (Great Expectations), which finds the tables of a schema by their bare names. May
    hold a password.
    """
    session = {**session_of(settings), **AGGREGATION, "search_path": f"pg_catalog,{schema},pg_temp"}
    return engine_url("postgresql+psycopg", url_parts(settings), session)


def _pin_engine(connection: Any, _: Any) -> None:
    """The same for a connection that SQLAlchemy has opened with one of our URLs, but for what is its own."""
    if isinstance(connection, psycopg.Connection):
        status = connection.info.parameter_status
        if status("application_name") == SESSION["application_name"]:
            pin(connection, {name: value for name, value in SESSION.items() if name != "search_path"})


event.listen(Engine, "connect", _pin_engine)  # Great Expectations makes its engine itself
