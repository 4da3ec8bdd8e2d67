"""Who depends on whom, with circles, and by what others call the things of a module."""

from analytics_etl.schemas import Catalogue, Entity, File, Format, Import, Kind, Origin
from analytics_etl.schemas.dependents import Dependents, Module, dependents, imports_of_modules, names_of


def imports(**targets: str) -> dict[str, frozenset[str]]:
    return {module: frozenset(names.split()) for module, names in targets.items()}


def test_dependents_are_direct_or_through_others() -> None:
    assert dependents(imports(a="", b="a", c="b", d="c a")) == {
        "a": Dependents(frozenset("bd"), frozenset("c")),
        "b": Dependents(frozenset("c"), frozenset("d")),
        "c": Dependents(frozenset("d"), frozenset()),
        "d": Dependents(frozenset(), frozenset()),
    }


def test_circles_are_followed_once_and_nobody_depends_on_itself() -> None:
    found = dependents(imports(a="c a", b="a", c="b"))
    assert found["a"] == Dependents(frozenset("b"), frozenset("c"))
    assert [found[module].count for module in "abc"] == [2, 2, 2]


def test_a_long_chain_needs_no_recursion() -> None:
    chain = {str(number): frozenset({str(number + 1)}) for number in range(5_000)}
    assert dependents(chain)["5000"].count == 5_000


def module(format_: Format, name: str, *targets: str) -> Catalogue:
    found = tuple(Import("f", target, Origin.MISSING) for target in targets)
    path, package = (name, "") if format_ is Format.PROTOBUF else ("f", name)
    entity = Entity("f", name, Kind.RECORD, None, 0, ())
    return Catalogue(format_, (File(path, package, ""),), (entity,), found)


def test_modules_are_known_by_files_types_and_addresses() -> None:
    catalogues = {
        "proto-a": module(Format.PROTOBUF, "a.proto", "b.proto", "google/protobuf/any.proto"),
        "proto-b": module(Format.PROTOBUF, "b.proto"),
        "avro-a": module(Format.AVRO, "x.A", "x.B", "b.proto"),
        "avro-b": module(Format.AVRO, "x.B"),
        "json-a": module(Format.JSON_SCHEMA, "https://x/a", "https://x/b#/definitions/c", "#/definitions/d"),
        "json-b": module(Format.JSON_SCHEMA, "https://x/b#"),
    }
    modules = {
        name: Module(of.format, list(names_of(of)), [item.target for item in of.imports])
        for name, of in catalogues.items()
    }
    assert imports_of_modules(modules) == imports(
        **{"proto-a": "proto-b", "proto-b": "", "avro-a": "avro-b", "avro-b": "", "json-a": "json-b", "json-b": ""}
    )
