"""A check is evaluated when every table its SELECT reads has been written, also when one of them was tried again."""

from dagster._core.execution.api import create_execution_plan  # the only place that knows what a run waits for

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.checks import declared_checks
from analytics_etl.orchestration.definitions import build_defs


def _step(table: str) -> str:
    return table.replace(".", "__")


def test_a_check_waits_for_every_table_it_reads(catalog: Catalog) -> None:
    plan = create_execution_plan(build_defs().resolve_job_def("daily"))
    waits_for = {step: set(keys) for step, keys in plan.get_executable_step_deps().items()}

    def all_before(step: str) -> set[str]:
        before = waits_for.get(step, set())
        return before.union(*(all_before(earlier) for earlier in before)) if before else before

    judged = 0
    for table, checks in declared_checks(catalog).items():
        if _step(table) not in waits_for:
            continue  # weeks, months and views have jobs of their own
        for check in checks:
            read = {_step(other) for other in check.query.dependencies} if check.query else set()
            read = {step for step in read if step in waits_for} | {_step(table)}
            assert read <= all_before(f"{_step(table)}__checks"), f"{check.name} of {table}"
            judged += 1
    assert judged > 100
