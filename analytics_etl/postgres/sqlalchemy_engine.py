"""SQLAlchemy on our database, for Great Expectations: its URL, and sessions pinned like all others."""

from typing import Any

import psycopg
from sqlalchemy import event
from sqlalchemy.engine import Engine

from analytics_etl.config.settings import Settings
from analytics_etl.postgres.connection import engine_url, pin, session_of, url_parts
from analytics_etl.postgres.sessions import AGGREGATION, SESSION


def sqlalchemy_url(settings: Settings, schema: str = "ops") -> str:
    """URL for SQLAlchemy on psycopg 3, with a search path that finds tables of `schema` by their bare names.

    May hold a password.
    """
    session = {**session_of(settings), **AGGREGATION, "search_path": f"pg_catalog,{schema},pg_temp"}
    return engine_url("postgresql+psycopg", url_parts(settings), session)


def _pin_engine(connection: Any, _: Any) -> None:
    """Pin the session of a connection that SQLAlchemy opened with one of our URLs; keep its search path."""
    if isinstance(connection, psycopg.Connection):
        status = connection.info.parameter_status
        if status("application_name") == SESSION["application_name"]:
            pin(connection, {name: value for name, value in SESSION.items() if name != "search_path"})


event.listen(Engine, "connect", _pin_engine)  # Great Expectations makes its engine itself, so no engine can be named
