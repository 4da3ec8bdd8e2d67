"""Great Expectations on the rows of one relation: whether each check holds, and the rows that break it."""

import importlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from types import ModuleType
from typing import Any
from uuid import uuid4

from analytics_etl.checks.declared import SAMPLE_ROWS, Check, CheckError
from analytics_etl.warehouse import raising_lost_connections

Broken = tuple[int, list[dict[str, Any]]]
"""How many rows break a check, and some of them."""


def broken(
    url: str, relation: str, key: Sequence[str], checks: Sequence[Check], queries: Mapping[str, str]
) -> dict[str, Broken]:
    """The checks that do not hold for the rows of a relation, by name; `queries` has the SELECT of those that are one.

    Of a SELECT no row is asked for: it counts none here. Raises CheckError for a check that could not be evaluated.
    """
    gx = _great_expectations()
    source = _data_source(url)
    name = relation.split(".")[1]
    asset = source.add_table_asset(name, table_name=name)
    expectations = {check.name: _expectation(check, queries.get(check.name)) for check in checks}
    whole_table = asset.add_batch_definition_whole_table("all")

    def outcomes_of(names: Iterable[str], result_format: Mapping[str, Any]) -> dict[str, Any]:
        suite = gx.ExpectationSuite(name=f"suite_{uuid4().hex}", expectations=[expectations[name] for name in names])
        with raising_lost_connections():  # which it reports as any other error: in words
            validated = whole_table.get_batch().validate(suite, result_format=dict(result_format))
        return {result.expectation_config.meta["check"]: result for result in validated.results}

    try:
        # Whether anything is wrong takes one pass over the rows for all columns; what is wrong, three for each check.
        outcomes = outcomes_of(expectations, {"result_format": "BOOLEAN_ONLY"})
        wrong = [name for name, outcome in outcomes.items() if not outcome.success and name not in queries]
        if wrong:
            outcomes |= outcomes_of(wrong, {
                "result_format": "SUMMARY",
                "partial_unexpected_count": SAMPLE_ROWS,
                "unexpected_index_column_names": list(key),
            })  # fmt: skip
    finally:
        source.delete_asset(asset.name)
    return {check.name: _rows(check, outcomes[check.name]) for check in checks if not outcomes[check.name].success}


def _rows(check: Check, outcome: Any) -> Broken:
    """The rows an outcome names. One that could not be evaluated names none, or an error."""
    error = outcome.exception_info.get("exception_message") if isinstance(outcome.exception_info, dict) else None
    if error or (check.select is None and not outcome.result):
        raise CheckError(
            f"the check {check.name} of {check.table} could not be evaluated: {error or outcome.exception_info}"
        )
    if check.select is not None:
        return 0, []
    sample = outcome.result.get("partial_unexpected_index_list") or [
        value if isinstance(value, dict) else {"value": value}
        for value in outcome.result.get("partial_unexpected_list", [])
    ]
    return outcome.result["unexpected_count"], list(sample)[:SAMPLE_ROWS]


def _expectation(check: Check, query: str | None) -> Any:
    arguments = dict(check.arguments)
    if query is not None:
        # Without {batch} it prints advice for each query; ours bound their own window.
        arguments |= {"unexpected_rows_query": f"/* {{batch}} */ {query}", "description": check.description}
    if check.expectation == "expect_column_pair_values_a_to_be_greater_than_b":
        arguments.setdefault("ignore_row_if", "either_value_is_missing")
    return _kind(check)(**arguments, meta={"check": check.name})


def _kind(check: Check) -> Any:
    """The class of Great Expectations that a check is one of."""
    if check.select is not None:
        return _counting_rows()
    name = "".join(part.title() for part in check.expectation.split("_"))
    kind = getattr(_great_expectations().expectations, name, None)
    if kind is None:
        raise CheckError(f"{check.table}: Great Expectations has no expectation {check.expectation}")
    return kind


@cache
def _counting_rows() -> Any:
    """Its expectation of a query without rows, which would run the query twice: to count the rows, and to get them."""

    class NoUnexpectedRows(_great_expectations().expectations.UnexpectedRowsExpectation):  # type: ignore[misc]
        metric_dependencies = ("unexpected_rows_query.row_count",)

        def _validate(self, metrics: dict[str, Any], *arguments: Any, **named: Any) -> Any:
            return super()._validate({**metrics, "unexpected_rows_query.table": None}, *arguments, **named)

    return NoUnexpectedRows


class _ScipyStats(ModuleType):
    """Stands in for scipy.stats until somebody asks it for something."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module("scipy.stats"), name)


@cache
def _great_expectations() -> Any:
    """Import Great Expectations, which takes seconds: only a run with checks needs it.

    A third of them go to scipy.stats, which one expectation uses and none of ours: it is loaded when it is used.
    """
    import scipy  # noqa: PLC0415 - as late as what needs it

    if "stats" not in vars(scipy):
        vars(scipy)["stats"] = _ScipyStats("scipy.stats")
    import great_expectations.expectations  # noqa: PLC0415 - see above

    # What it cannot evaluate it says in its results, too, and we raise it; its log would repeat it by the page.
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    return great_expectations


@cache
def _data_source(url: str) -> Any:
    """Great Expectations on our database; one context a process."""
    context = _great_expectations().get_context(mode="ephemeral")
    quiet: Any = {"globally": False}
    context.variables.progress_bars = quiet
    return context.data_sources.add_postgres("warehouse", connection_string=url)
