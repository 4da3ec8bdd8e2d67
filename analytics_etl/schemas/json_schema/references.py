"""Where a `$ref` leads: within the files of a version, and to metaschemas. Nothing is ever fetched or opened."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urldefrag, urljoin

from jsonschema_specifications import REGISTRY as METASCHEMAS
from referencing import Registry
from referencing.exceptions import Unresolvable

from analytics_etl.schemas.json_schema.dialects import Dialect
from analytics_etl.schemas.values import Origin

_BASE = "https://version.invalid/"
"""The address of a file is this and its path, so that relative references lead to the version's own files."""


@dataclass(frozen=True)
class Target:
    """What a reference leads to."""

    origin: Origin
    address: str
    """The whole address; of a file without an `$id`, its path in the version."""
    is_here: bool = False
    """Whether it is in the file of the reference."""


class References:
    """The files of a version by their addresses: the place of a file, and its `$id`."""

    def __init__(self, files: Mapping[str, tuple[Any, Dialect]], others: Mapping[str, tuple[Any, Dialect]]) -> None:
        self._own: set[str] = set()
        self._foreign: set[str] = set()
        self._base: dict[str, str] = {}
        resources = []
        for path, (content, dialect) in {**others, **files}.items():
            resource = dialect.specification.create_resource(content)
            place = _BASE + path
            self._base[path] = urldefrag(urljoin(place, resource.id() or "")).url or place
            resources += [(place, resource), (self._base[path], resource)]
            addresses = self._own if path in files else self._foreign
            addresses |= {place, self._base[path]}
        empty: Registry[Any] = Registry()  # it fetches nothing
        self._registry = empty.combine(METASCHEMAS).with_resources(resources).crawl()

    def resolver(self, path: str) -> Any:
        """What follows the references in a file."""
        return self._registry.resolver(self._base[path])

    def target(self, path: str, identifiers: tuple[str, ...], reference: str) -> Target:
        """What a reference leads to that stands in a file, inside of subschemas with the given `$id`."""
        base = self._base[path]
        for identifier in identifiers:
            base = urljoin(base, identifier)
        try:
            whole = urljoin(base, reference)
            self._registry.resolver(base).lookup(reference)
        except ValueError:  # it is no address at all
            return Target(Origin.MISSING, reference)
        except Unresolvable:
            return Target(Origin.MISSING, whole.removeprefix(_BASE))
        address = urldefrag(whole).url
        is_here = reference.startswith("#") or address in {self._base[path], _BASE + path}
        return Target(self._origin(address), whole.removeprefix(_BASE), is_here)

    def _origin(self, address: str) -> Origin:
        """Where a schema comes from; one inside of another is of the version, unless its address says otherwise."""
        if address not in self._own:
            if address in self._foreign:
                return Origin.OTHER
            if address in METASCHEMAS:
                return Origin.SUPPLIED
        return Origin.OWN
