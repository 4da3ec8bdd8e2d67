"""The records in the body of a request, each as a line of NDJSON: exactly as it was sent, with an id if it had none."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from json import JSONDecoder
from typing import Any
from uuid import UUID, uuid4, uuid5

from analytics_etl.api.problems import Problem

MOST_RECORDS = 10_000
"""Of a request."""
JSON, NDJSON = "application/json", "application/x-ndjson"

_NAMESPACE = UUID("6f1c1a52-3d0b-4a6f-9d0e-0a5e5a1f7c11")
_BLANK = " \t\r\n"
# Numbers stay texts: what they mean is for the contract to say, and a huge one must not take seconds.
_DECODER = JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)


@dataclass(frozen=True)
class Records:
    """Records of one request."""

    lines: Sequence[str]
    event_ids: Sequence[Any]


def read(body: bytes, media_type: str, given: Mapping[str, str], key: str | None, id_name: str = "event_id") -> Records:
    """The records of a body. `given` are fields that the route says, `key` makes the ids of those without one.

    Raise Problem for a body that has none, or a field that says something else than the route.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise Problem(422, f"the body is no valid UTF-8 at byte {error.start}") from None
    try:
        found = list(_parts(text, media_type))
    except (ValueError, RecursionError):
        raise Problem(422, "the body is no valid JSON: expected an object, an array of objects, or NDJSON") from None
    if not 1 <= len(found) <= MOST_RECORDS:
        raise Problem(422, f"expected 1 to {MOST_RECORDS:,} records, got {len(found):,}")
    lines, ids, wrong = [], [], []
    for number, (value, raw) in enumerate(found):
        if not isinstance(value, dict):
            wrong.append({"where": f"records.{number}", "reason": "the line is no JSON object"})
            continue
        for name, said in given.items():
            if value.get(name, said) != said:
                wrong.append({"where": f"records.{number}", "reason": f"{name}: expected {said} on this route"})
        is_empty = not value
        added = {name: said for name, said in given.items() if name not in value}
        if value.get(id_name) is None:
            record_id = uuid4() if key is None else uuid5(_NAMESPACE, f"{key}\0{number}")
            added[id_name] = value[id_name] = str(record_id)
        lines.append(_with(raw, added, is_empty=is_empty))
        ids.append(value[id_name])
    if wrong:
        raise Problem(422, "; ".join(f"{e['where']}: {e['reason']}" for e in wrong[:10]), errors=wrong)
    return Records(lines, ids)


def _parts(text: str, media_type: str) -> Iterator[tuple[Any, str]]:
    """(value, its text in one line) of each record."""
    if media_type == NDJSON:
        for line in text.split("\n"):
            if line.strip(_BLANK):
                yield _DECODER.decode(line), line.strip(_BLANK)
        return
    text = text.strip(_BLANK)
    if not text.startswith("["):
        yield _DECODER.decode(text), _in_one_line(text)
        return
    _DECODER.decode(text)  # the whole is valid; now its parts
    at = _skip(text, 1)
    while text[at] != "]":
        value, end = _DECODER.raw_decode(text, at)
        yield value, _in_one_line(text[at:end])
        at = _skip(text, end)
        at = _skip(text, at + 1) if text[at] == "," else at


def _skip(text: str, at: int) -> int:
    while text[at] in _BLANK:
        at += 1
    return at


def _in_one_line(text: str) -> str:
    """JSON without line breaks, which it may have between values only."""
    return text.replace("\r", " ").replace("\n", " ")


def _with(raw: str, added: Mapping[str, str], *, is_empty: bool) -> str:
    """An object's text with fields before its own; of two equal ones the first counts."""
    if not added:
        return raw
    fields = json.dumps(added, ensure_ascii=False)[1:-1]
    return f"{{{fields}{'' if is_empty else ', '}{raw[1:]}"
