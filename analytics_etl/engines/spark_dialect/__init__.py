"""SELECTs of PostgreSQL as Spark SQL that means the same. Pure: needs neither Spark nor Java.

`translation` parses, applies the rules of `times`, `texts` and `numbers`, and refuses what has no rule and is not known
to mean the same. `java_patterns` are regular expressions, `trees` what the rules share.
"""

from analytics_etl.engines.spark_dialect.translation import TYPES, DialectError, spark_select

__all__ = ["TYPES", "DialectError", "spark_select"]
