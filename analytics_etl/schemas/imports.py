"""Reading a version that imports files of other modules: they are looked up until nothing more is found."""

from collections.abc import Callable, Mapping

from analytics_etl.schemas.parser import Examination, Parser
from analytics_etl.schemas.values import Catalogue, Format, Origin, Version

Find = Callable[[Format, str], Mapping[str, str]]
"""(format, what is missing) -> path and text of files of other modules that may have it."""

_STEPS = 10
"""Most steps of imports that are followed into other modules."""


def examine_with_imports(
    parser: Parser, find: Find, new: Version, old: Version | None = None, found: Examination | None = None
) -> Examination:
    """The same as `Parser.examine`, with files of other modules. `found` is what it said without them."""
    others: dict[str, str] = {}
    found = found or parser.examine(new, old)
    for _ in range(_STEPS):
        missing = _missing(found.catalogue)
        if old is not None and not missing and found.comparison and found.comparison.obstacle:
            missing = _missing(parser.parse(Version(old.format, old.files, others)))
        more = {path: text for name in missing for path, text in find(new.format, name).items()}
        if not more.keys() - others.keys():
            break
        others |= more
        found = parser.examine(Version(new.format, new.files, others), old and Version(old.format, old.files, others))
    return found


def _missing(catalogue: Catalogue) -> set[str]:
    return {item.target.partition("#")[0] for item in catalogue.imports if item.origin is Origin.MISSING}
