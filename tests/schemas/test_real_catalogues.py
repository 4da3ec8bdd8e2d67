"""Every version of the real histories parses, or its fault is explained here."""

from importlib import import_module
from importlib.metadata import files as files_of_distribution
from importlib.metadata import version as installed

import pytest
from conftest import needs_real_data
from google.protobuf import descriptor_pool
from schema_histories import PROTOBUF, iglu_schemas, protobuf_versions

from analytics_etl.schemas import Kind, Parser

pytestmark = needs_real_data


@pytest.mark.parametrize("module", PROTOBUF)
def test_every_protobuf_version_parses(parser: Parser, module: str) -> None:
    versions = protobuf_versions(module)
    assert len(versions) == {"google-proto-files": 11, "googleapis-common-protos": 18}[module]
    for version, catalogue in zip(versions.values(), parser.parse_all(versions.values()), strict=True):
        assert catalogue.faults == ()
        assert {file.path for file in catalogue.files} == set(version.files)


def test_messages_have_the_fields_that_generated_code_has(parser: Parser) -> None:
    package = "googleapis-common-protos"
    for file in files_of_distribution(package) or ():
        if file.name.endswith("_pb2.py"):
            import_module(str(file.with_suffix("")).replace("/", "."))
    pool, compared = descriptor_pool.Default(), 0  # type: ignore[no-untyped-call]
    for entity in parser.parse(protobuf_versions(package)[installed(package)]).entities:
        if entity.kind is Kind.MESSAGE:
            known = [(field.name, field.number) for field in pool.FindMessageTypeByName(entity.name).fields]
            assert [(field.name, field.number) for field in entity.fields] == known
            compared += len(known)
    assert compared > 400


TWICE = "the name 'doc_height' occurs twice in an object"
ELSEWHERE = "leads to nothing in the version; nothing is fetched or opened"


def test_every_json_schema_parses_or_its_fault_is_known(parser: Parser) -> None:
    """One schema defines a property twice, so nobody knows which one holds; one refers to another module."""
    schemas = list(iglu_schemas())
    assert len(schemas) == 660
    elsewhere, twice = set[str](), set[str]()
    for (name, *_), catalogue in zip(schemas, parser.parse_all(version for *_, version in schemas), strict=True):
        for fault in catalogue.faults:
            assert fault.message == TWICE or fault.message.endswith(ELSEWHERE)
            (twice if fault.message == TWICE else elsewhere).add(name)
        assert catalogue.entities or name in twice
    assert twice == {"com.snowplowanalytics.snowplow/elasticsearch_enriched_event"}
    assert elsewhere == {"com.snowplowanalytics.sauna.commands/command"}
