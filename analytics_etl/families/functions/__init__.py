"""The functions that make the rows of tables for which a SELECT is not enough. Headers of SQL files name them.

A function is pure: it gets the rows of the SELECT and gives rows of the table; those of a day are the same whichever
days are computed with it.
"""

from collections.abc import Mapping
from types import MappingProxyType

from analytics_etl.catalog.models import Model, ModelError
from analytics_etl.families.functions.anomalies import anomalies
from analytics_etl.families.functions.forecasts import forecasts
from analytics_etl.families.functions.json_rows import rows_of_json
from analytics_etl.families.functions.module_catalog import module_catalog
from analytics_etl.families.functions.module_dependents import module_dependents
from analytics_etl.families.functions.module_health import module_health
from analytics_etl.families.functions.module_health_changes import module_health_changes
from analytics_etl.families.functions.series import series
from analytics_etl.tables.functions import RowsFunction, as_selected

FUNCTIONS: Mapping[str, RowsFunction] = MappingProxyType(
    {
        "anomalies": anomalies,
        "forecasts": forecasts,
        "module_catalog": module_catalog,
        "module_dependents": module_dependents,
        "module_health": module_health,
        "module_health_changes": module_health_changes,
        "rows_of_json": rows_of_json,
        "rows_selected": as_selected,
        "series": series,
    }
)


def function_of(model: Model) -> RowsFunction:
    """The function of a table; raise ModelError, naming the file, if there is none of its name."""
    assert model.function is not None
    if model.function.name not in FUNCTIONS:
        raise ModelError(
            f"{model.path}: there is no function {model.function.name}, expected one of {', '.join(sorted(FUNCTIONS))}"
        )
    return FUNCTIONS[model.function.name]
