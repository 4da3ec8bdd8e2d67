"""Which event tables can be used: those of families whose source mappings work."""

from dataclasses import replace

from analytics_etl.catalog.broken import BrokenFile
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import ModelError
from analytics_etl.landing.mappings import check_mappings


def with_usable_sources(catalog: Catalog) -> Catalog:
    """The catalogue without the event tables of families with a source mapping that cannot work.

    Nobody knows which rows the files of such a source hold.
    """
    stopped: dict[str, BrokenFile] = {}
    for family in catalog.families:
        contracts = [contract for contract in catalog.contracts.values() if contract.family == family]
        for name, mapping in catalog.mappings(family).items() if contracts else ():
            try:
                check_mappings(contracts, {name: mapping})
            except ModelError as error:
                stopped |= {contract.table: BrokenFile(mapping.path, str(error)) for contract in contracts}
    return replace(catalog, stopped=stopped) if stopped else catalog
