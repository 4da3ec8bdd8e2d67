"""Who depends on whom: the import graph of modules, directly and through others. Circles are allowed."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from analytics_etl.schemas.values import Catalogue, Format


@dataclass(frozen=True)
class Module:
    """What a module declares and what it takes from elsewhere, see `names_of`."""

    format: Format
    names: Collection[str]
    targets: Collection[str]
    """What its files import that is not its own."""


@dataclass(frozen=True)
class Dependents:
    """The modules that import a module."""

    direct: frozenset[str]
    through_others: frozenset[str]
    """Those that import it through others only."""

    @property
    def count(self) -> int:
        return len(self.direct) + len(self.through_others)


def imports_of_modules(modules: Mapping[str, Module]) -> dict[str, frozenset[str]]:
    """Module -> the other modules whose files or types it imports.

    A target that several modules have belongs to the first of them in the order of the alphabet.
    """
    owners: dict[tuple[Format, str], str] = {}
    for name in sorted(modules):
        for declared in modules[name].names:
            owners.setdefault((modules[name].format, declared), name)
    return {
        name: frozenset(
            owner
            for target in module.targets
            if (owner := owners.get((module.format, target.partition("#")[0]))) is not None and owner != name
        )
        for name, module in modules.items()
    }


def names_of(catalogue: Catalogue) -> Iterator[str]:
    """What others call the things in a module: paths of protobuf files, full names in Avro, `$id` of JSON Schemas."""
    if catalogue.format is Format.PROTOBUF:
        yield from (file.path for file in catalogue.files)
    elif catalogue.format is Format.AVRO:
        yield from (entity.name for entity in catalogue.entities)
    else:
        yield from (file.package.partition("#")[0] for file in catalogue.files if file.package)


def dependents(imports: Mapping[str, frozenset[str]]) -> dict[str, Dependents]:
    """Module -> who imports it, of all modules that import or are imported. A module does not depend on itself."""
    importers: dict[str, set[str]] = {module: set() for module in imports}
    for module, targets in imports.items():
        for target in targets - {module}:
            importers.setdefault(target, set()).add(module)
    return {module: _of(module, importers) for module in importers}


def _of(module: str, importers: Mapping[str, set[str]]) -> Dependents:
    found, waiting = {module}, [module]
    while waiting:
        new = importers[waiting.pop()] - found
        found |= new
        waiting += new
    direct = frozenset(importers[module])
    return Dependents(direct, frozenset(found - direct - {module}))
