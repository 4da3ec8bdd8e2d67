"""The real histories of schemas beside the checkout, as versions."""

import tarfile
from collections.abc import Iterator
from functools import cache
from pathlib import PurePosixPath

from conftest import REAL_DATA

from analytics_etl.schemas import Format, Version

PROTOBUF = ("google-proto-files", "googleapis-common-protos")


@cache
def _texts(archive: str) -> dict[str, str]:
    with tarfile.open(REAL_DATA / archive) as tar:
        return {member.name: _text(tar, member) for member in tar if member.isfile()}


def _text(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    stream = tar.extractfile(member)
    assert stream is not None
    return stream.read().decode()


def protobuf_versions(module: str) -> dict[str, Version]:
    """The versions of a module, oldest first."""
    files: dict[str, dict[str, str]] = {}
    for name, text in _texts(f"protos/{module}.tar.xz").items():
        _, version, path = name.removeprefix("./").split("/", 2)
        if path.endswith(".proto"):
            files.setdefault(version, {})[path] = text
    ordered = sorted(files, key=lambda version: [int(part) for part in version.split(".")])
    return {version: Version(Format.PROTOBUF, files[version]) for version in ordered}


def iglu_schemas() -> Iterator[tuple[str, tuple[int, ...], Version]]:
    """(name, (model, revision, addition), version) of each JSON Schema, by name and version."""
    found = []
    for name, text in _texts("iglu_central/schemas.tar.xz").items():
        *_, vendor, schema, kind, version = PurePosixPath(name).parts
        if kind == "jsonschema":
            parts = tuple(int(part) for part in version.split("-"))
            found.append((f"{vendor}/{schema}", parts, Version(Format.JSON_SCHEMA, {f"{schema}.json": text})))
    yield from sorted(found, key=lambda item: item[:2])
