"""The drafts of JSON Schema from 4 to 2020-12: which one a file is written in, and whether it is valid in it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import jsonschema
import referencing.jsonschema
from jsonschema import validators
from referencing import Specification

from analytics_etl.schemas.values import Fault

_SELF_DESCRIBING = "http://iglucentral.com/schemas/com.snowplowanalytics.self-desc/schema/jsonschema/"
"""A metaschema in wide use: draft 4 with a name and a version."""
_MOST_FAULTS = 100


@dataclass(frozen=True)
class Dialect:
    """A draft, as libraries need it."""

    name: str
    specification: Specification[Any]
    validator: Any
    """The class that checks a schema against its metaschema; None for a metaschema that is not known."""

    @property
    def has_reference_siblings(self) -> bool:
        """Whether keywords beside a `$ref` count; before 2019-09 they do not."""
        return self.name in {"draft 2019-09", "draft 2020-12"}


_DRAFTS = {
    "http://json-schema.org/draft-03/schema": Dialect(
        "draft 3", referencing.jsonschema.DRAFT3, jsonschema.Draft3Validator
    ),
    "http://json-schema.org/draft-04/schema": Dialect(
        "draft 4", referencing.jsonschema.DRAFT4, jsonschema.Draft4Validator
    ),
    "http://json-schema.org/draft-06/schema": Dialect(
        "draft 6", referencing.jsonschema.DRAFT6, jsonschema.Draft6Validator
    ),
    "http://json-schema.org/draft-07/schema": Dialect(
        "draft 7", referencing.jsonschema.DRAFT7, jsonschema.Draft7Validator
    ),
    "https://json-schema.org/draft/2019-09/schema": Dialect(
        "draft 2019-09", referencing.jsonschema.DRAFT201909, jsonschema.Draft201909Validator
    ),
    "https://json-schema.org/draft/2020-12/schema": Dialect(
        "draft 2020-12", referencing.jsonschema.DRAFT202012, jsonschema.Draft202012Validator
    ),
}
_NEWEST = _DRAFTS["https://json-schema.org/draft/2020-12/schema"]


def dialect_of(schema: Any) -> Dialect:
    """The draft that `$schema` names; without one the newest. Of a metaschema that is not known, only its name."""
    uri = schema.get("$schema") if isinstance(schema, dict) else None
    if not isinstance(uri, str):
        return _NEWEST
    if uri.startswith(_SELF_DESCRIBING):
        return _DRAFTS["http://json-schema.org/draft-04/schema"]
    bare = uri.rstrip("#")
    return _DRAFTS.get(bare) or Dialect(bare, _NEWEST.specification, None)


def faults_of(path: str, schema: Any, dialect: Dialect) -> Iterator[Fault]:
    """What the metaschema says against a schema."""
    if dialect.validator is None:
        return
    checker: Any = validators.validator_for(dialect.validator.META_SCHEMA)(dialect.validator.META_SCHEMA)
    for number, error in enumerate(checker.iter_errors(schema)):
        if number == _MOST_FAULTS:
            return
        yield Fault(f"{pointer(error.absolute_path)}: {error.message[:300]}", path)


def pointer(parts: Iterable[str | int]) -> str:
    """A JSON pointer as a fragment: `#/properties/a~1b`."""
    return below("#", *parts)


def below(place: str, *parts: str | int) -> str:
    """The pointer to something inside of what another one points to."""
    return place + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
