"""Checks of tables: what is declared in headers and in `sql/*/checks`, and whether the rows of a partition pass.

The name of a check file begins with its table; a check of the family `ops` holds for every event table. Each partition
has results of its own in `ops.check_results`, also when a run covers a range of partitions.

`declared` reads the checks. `evaluation` evaluates them for the rows of partitions: by `predicates`, which judges
columns in one pass, or by `expectations`, which is Great Expectations for all other kinds. `due` finds the checks that
have to run. Dagster's asset checks are not here but in `orchestration.checks`.
"""

from analytics_etl.checks.declared import Check, CheckError, Target, checked_table, declared_checks, targets

__all__ = [
    "Check",
    "CheckError",
    "Target",
    "checked_table",
    "declared_checks",
    "targets",
]
