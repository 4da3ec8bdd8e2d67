"""All breaking changes between two versions of protobuf files, by Buf's rules."""

from collections.abc import Iterator

from analytics_etl.schemas.changes import Change
from analytics_etl.schemas.protobuf.elements import Module
from analytics_etl.schemas.protobuf.field_rules import changes_of_fields
from analytics_etl.schemas.protobuf.file_rules import changes_of_files
from analytics_etl.schemas.protobuf.message_rules import changes_of_enums, changes_of_messages
from analytics_etl.schemas.protobuf.service_rules import changes_of_services


def breaking_changes(old: Module, new: Module) -> Iterator[Change]:
    """What the new version breaks; a change that several rules forbid comes once for each."""
    yield from changes_of_files(old, new)
    yield from changes_of_messages(old, new)
    yield from changes_of_enums(old, new)
    yield from changes_of_fields(old, new)
    yield from changes_of_services(old, new)
