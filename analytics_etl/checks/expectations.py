"""Great Expectations, for the kinds of checks that `predicates` does not know."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any
from uuid import uuid4

from analytics_etl.checks.declared import SAMPLE_ROWS, Check, CheckError
from analytics_etl.checks.selects import Broken
from analytics_etl.postgres.failures import raising_lost_connections


def broken(
    url: str, relation: str, key: Sequence[str], checks: Sequence[Check]
) -> dict[str, Broken]:  # fmt: skip
    """The failed ones of some checks for the rows of a relation, by name, with their unexpected rows.

    Raises CheckError for a check that could not be evaluated.
    """
    gx = _great_expectations()
    source = _data_source(url)
    name = relation.split(".")[1]
    asset = source.add_table_asset(name, table_name=name)
    expectations = {check.name: _expectation(check) for check in checks}
    whole_table = asset.add_batch_definition_whole_table("all")

    def outcomes_of(names: Iterable[str], result_format: Mapping[str, Any]) -> dict[str, Any]:
        suite = gx.ExpectationSuite(name=f"suite_{uuid4().hex}", expectations=[expectations[name] for name in names])
        with raising_lost_connections():  # Great Expectations only puts them into its results, as text
            validated = whole_table.get_batch().validate(suite, result_format=dict(result_format))
        return {result.expectation_config.meta["check"]: result for result in validated.results}

    try:
        # Whether checks fail takes one pass over the rows for all columns; samples take three passes for each check.
        outcomes = outcomes_of(expectations, {"result_format": "BOOLEAN_ONLY"})
        wrong = [name for name, outcome in outcomes.items() if not outcome.success]
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
    """The unexpected rows of an outcome. Raises CheckError if it has an error or no result."""
    error = outcome.exception_info.get("exception_message") if isinstance(outcome.exception_info, dict) else None
    if error or not outcome.result:
        raise CheckError(
            f"the check {check.name} of {check.table} could not be evaluated: {error or outcome.exception_info}"
        )
    sample = outcome.result.get("partial_unexpected_index_list") or [
        value if isinstance(value, dict) else {"value": value}
        for value in outcome.result.get("partial_unexpected_list", [])
    ]
    return outcome.result["unexpected_count"], list(sample)[:SAMPLE_ROWS]


def _expectation(check: Check) -> Any:
    arguments = dict(check.arguments)
    if check.expectation == "expect_column_pair_values_a_to_be_greater_than_b":
        arguments.setdefault("ignore_row_if", "either_value_is_missing")
    return _kind(check)(**arguments, meta={"check": check.name})


def _kind(check: Check) -> Any:
    """The class of Great Expectations for a check. Raises CheckError if there is none."""
    name = "".join(part.title() for part in check.expectation.split("_"))
    kind = getattr(_great_expectations().expectations, name, None)
    if kind is None:
        raise CheckError(f"{check.table}: Great Expectations has no expectation {check.expectation}")
    return kind


@cache
def _great_expectations() -> Any:
    """Import Great Expectations, which takes seconds: only a check that `predicates` does not know needs it."""
    import great_expectations.expectations  # noqa: PLC0415 - see above

    # Its results hold all errors, and we raise them; its log would repeat them over pages.
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    return great_expectations


@cache
def _data_source(url: str) -> Any:
    """Great Expectations' data source of our database; one in a process."""
    context = _great_expectations().get_context(mode="ephemeral")
    quiet: Any = {"globally": False}
    context.variables.progress_bars = quiet
    return context.data_sources.add_postgres("database", connection_string=url)
