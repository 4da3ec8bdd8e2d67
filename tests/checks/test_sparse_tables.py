"""Tables of which a day may have no rows: their volume is not judged, everything else is."""

from events import declared

from analytics_etl.checks import declared_checks


def test_only_the_volume_of_sparse_tables_is_not_judged() -> None:
    checks = declared_checks(declared())
    of = {table: {check.name for check in checks[table]} for table in declared().contracts}
    without = {table for table, names in of.items() if "volume_is_usual" not in names}
    assert without == {"registry.module_versions"}
    assert of["registry.download_events"] - of["registry.module_versions"] == {"volume_is_usual"}
