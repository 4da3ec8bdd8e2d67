"""Every SQL file as the tests of the contract run it: with settings that let through as much as they can."""

from datetime import date

import pytest
import sql_engines
from sql_engines import CASES, SOME_DAY, ZONES, DuckDB, Postgres, all_models, check_statement

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import Model, window_parameters
from analytics_etl.checks.evaluation import Limits
from analytics_etl.config.parameters import load_parameters
from analytics_etl.config.settings import SQL_DIR

LOWEST = {
    name: parameter.default if parameter.share_of or parameter.minimum is None else parameter.minimum
    for name, parameter in load_parameters(SQL_DIR).items()
}
"""Settings that let through as much as they can, so that few sample events give rows of whatever has a minimum."""
MODELS = all_models(settings=LOWEST)
CATALOG = Catalog(parameters=LOWEST)


def of(*kinds: str) -> pytest.MarkDecorator:
    """Parametrise over the files of some kinds."""
    models = [model for model in MODELS.values() if model.kind in kinds]
    assert models
    return pytest.mark.parametrize("model", models, ids=lambda model: model.table)


in_zones = pytest.mark.parametrize("zone", [ZONES[-1]])
"""Far from UTC. The cases run in all of them."""

BATCH = "ops.window_contract"
MOST_EVENTS = 1_000_000


def a_contract(family: str) -> str:
    """A table for the checks of the family ops to be about."""
    return next(table for table in CATALOG.contracts if family in ("ops", table.split(".")[0]))


def runnable(engine: Postgres | DuckDB, model: Model, start: date = SOME_DAY, end: date = SOME_DAY) -> str:
    """The text of a file for a window; makes the view that a check of the family ops reads."""
    if model.kind == "checks":
        table = a_contract("ops") if model.family == "ops" else None
        if table is not None:
            engine.execute(sql_engines.batch_view(BATCH, CATALOG, table, start, end))
        return check_statement(model, CATALOG, table, BATCH, start, end, Limits(2.0, MOST_EVENTS))
    if model.kind == "queries":
        return sql_engines.query_statement(model, parameters_of(model), start, end)
    window = {**window_parameters(start, end), "previous_end": f"{start} 00:00:00+00"}
    window["previous_start"] = f"{start - (end - start)} 00:00:00+00"
    window["family"] = CATALOG.families[0] if model.family == "ops" else model.family
    return model.statement(window)


def cases_of(model: Model) -> list[sql_engines.Case]:
    paths = sorted((CASES / model.family / model.name).glob("*.yaml"))
    return [sql_engines.read_case(path, MODELS) for path in paths]


def parameters_of(query: Model) -> sql_engines.Parameters:
    """What the first case of a query asks with."""
    return cases_of(query)[0].parameters
