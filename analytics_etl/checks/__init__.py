"""Checks: headers, `sql/<family>/checks` and `sql/ops/checks` -> what is wrong with the rows of a partition.

A check file's name begins with the table it is about; those of the family `ops` are about every event table. Results
are kept per partition in `ops.check_results`, also when one run does a whole range of partitions.

`declared` reads what is checked, `evaluation` finds the rows of a partition and what is wrong with them, `predicates`
judges columns in one pass, `expectations` is Great Expectations for all other kinds, `due` finds the partitions whose
checks have to run. Asset checks of Dagster are made of it elsewhere.
"""

from analytics_etl.checks.declared import Check, CheckError, Target, checked_table, declared_checks, targets
from analytics_etl.checks.evaluation import Limits, evaluate, query_text

__all__ = [
    "Check",
    "CheckError",
    "Limits",
    "Target",
    "checked_table",
    "declared_checks",
    "evaluate",
    "query_text",
    "targets",
]
