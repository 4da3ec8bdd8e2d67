"""What is in a protobuf version: each value below was read off the source by hand."""

from textwrap import dedent

from analytics_etl.schemas import (
    Entity,
    Fault,
    Field,
    File,
    Format,
    Import,
    Kind,
    Label,
    Origin,
    Parser,
    Version,
)


def protobuf(**files: str) -> Version:
    return Version(Format.PROTOBUF, {f"{name}.proto": dedent(text) for name, text in files.items()})


ORDERS = """\
    syntax = "proto3";
    package shop.v1;
    import "money.proto";
    import "google/protobuf/timestamp.proto";
    import "google/type/latlng.proto";

    // An order.
    // It has lines.
    message Order {
      // Number of the order.
      string id = 1;
      repeated Line lines = 2;
      optional int32 discount = 3 [deprecated = true];
      map<string, Money> prices = 4;
      oneof target {
        string shop = 5;
        google.type.LatLng place = 6;  // where it goes
      }
      google.protobuf.Timestamp at = 7;
      message Line {
        option deprecated = true;
        enum Unit { PIECE = 0; KILO = 1 [deprecated = true]; }
        Unit unit = 1;
      }
    }

    // Takes orders.
    service Orders {
      rpc Place(Order) returns (stream Order);
    }
"""
MONEY = """\
    syntax = "proto2";
    package shop.v1;
    option deprecated = true;
    message Money {
      required int64 cents = 1;
      optional string currency = 2 [default = "EUR"];
      extensions 100 to 199;
    }
    extend Money { optional string note = 100; }
"""


def test_everything_in_a_version_is_in_its_catalogue(parser: Parser) -> None:
    catalogue = parser.parse(protobuf(orders=ORDERS, money=MONEY))
    assert catalogue.is_whole
    assert catalogue.files == (
        File("money.proto", "shop.v1", "proto2", is_deprecated=True),
        File("orders.proto", "shop.v1", "proto3"),
    )
    assert catalogue.packages == {"shop.v1"}
    assert catalogue.imports == (
        Import("orders.proto", "money.proto", Origin.OWN, 3),
        Import("orders.proto", "google/protobuf/timestamp.proto", Origin.SUPPLIED, 4),
        Import("orders.proto", "google/type/latlng.proto", Origin.SUPPLIED, 5),
    )
    money, order, line, unit, orders, extension = catalogue.entities
    assert money == Entity(
        "money.proto",
        "shop.v1.Money",
        Kind.MESSAGE,
        None,
        0,
        (
            Field("cents", 1, "int64", Label.REQUIRED, line=5),
            Field("currency", 2, "string", Label.OPTIONAL, "EUR", line=6),
        ),
        line=4,
    )
    assert order == Entity(
        "orders.proto",
        "shop.v1.Order",
        Kind.MESSAGE,
        None,
        0,
        (
            Field("id", 1, "string", Label.SINGULAR, documentation="Number of the order.", line=11),
            Field("lines", 2, "shop.v1.Order.Line", Label.REPEATED, line=12),
            Field("discount", 3, "int32", Label.OPTIONAL, is_deprecated=True, line=13),
            Field("prices", 4, "map<string, shop.v1.Money>", Label.MAP, line=14),
            Field("shop", 5, "string", Label.OPTIONAL, oneof="target", line=16),
            Field(
                *("place", 6, "google.type.LatLng", Label.OPTIONAL),
                oneof="target",
                documentation="where it goes",
                line=17,
            ),
            Field("at", 7, "google.protobuf.Timestamp", Label.OPTIONAL, line=19),
        ),
        documentation="An order.\n It has lines.",
        line=9,
    )
    assert line == Entity(
        "orders.proto",
        "shop.v1.Order.Line",
        Kind.MESSAGE,
        "shop.v1.Order",
        1,
        (Field("unit", 1, "shop.v1.Order.Line.Unit", Label.SINGULAR, line=23),),
        is_deprecated=True,
        line=20,
    )
    assert unit == Entity(
        "orders.proto",
        "shop.v1.Order.Line.Unit",
        Kind.ENUM,
        "shop.v1.Order.Line",
        2,
        (
            Field("PIECE", 0, "", Label.VALUE, line=22),
            Field("KILO", 1, "", Label.VALUE, is_deprecated=True, line=22),
        ),
        line=22,
    )
    assert orders == Entity(
        "orders.proto",
        "shop.v1.Orders",
        Kind.SERVICE,
        None,
        0,
        (Field("Place", None, "shop.v1.Order -> stream shop.v1.Order", Label.METHOD, line=29),),
        documentation="Takes orders.",
        line=28,
    )
    assert extension == Entity(
        "money.proto",
        "extend shop.v1.Money",
        Kind.EXTENSION,
        None,
        0,
        (Field("shop.v1.note", 100, "string", Label.OPTIONAL, line=9),),
    )


def test_an_edition_says_what_its_features_say(parser: Parser) -> None:
    text = """\
        edition = "2023";
        option features.field_presence = IMPLICIT;
        message A {
          int32 plain = 1;
          int32 explicit = 2 [features.field_presence = EXPLICIT];
          int32 required = 3 [features.field_presence = LEGACY_REQUIRED];
          A inner = 4;
        }
    """
    catalogue = parser.parse(protobuf(a=text))
    assert [file.dialect for file in catalogue.files] == ["edition 2023"]
    assert [(field.name, field.label) for field in catalogue.entities[0].fields] == [
        ("plain", Label.SINGULAR),
        ("explicit", Label.OPTIONAL),
        ("required", Label.REQUIRED),
        ("inner", Label.OPTIONAL),
    ]


def test_a_fault_has_its_place(parser: Parser) -> None:
    text = 'syntax = "proto3";\nmessage A {\n  int32 x = 1\n}\n'
    catalogue = parser.parse(protobuf(good='syntax = "proto3";', bad=text))
    assert catalogue.entities == ()
    assert catalogue.faults == (Fault('Expected ";".', "bad.proto", 4, 1),)
    assert str(catalogue.faults[0]) == 'bad.proto:4:1: Expected ";".'


def test_a_missing_import_is_named(parser: Parser) -> None:
    catalogue = parser.parse(protobuf(a='syntax = "proto3";\nimport "billing/money.proto";\n'))
    assert catalogue.faults == (
        Fault("the import billing/money.proto is missing: it is not in the version, and no well-known file"),
        Fault('Import "billing/money.proto" was not found or had errors.', "a.proto", 2, 1),
    )
    assert [(item.target, item.origin) for item in catalogue.imports] == [("billing/money.proto", Origin.MISSING)]


def test_warnings_are_no_faults(parser: Parser) -> None:
    catalogue = parser.parse(protobuf(a='syntax = "proto3";\nimport "google/protobuf/any.proto";\n'))
    assert catalogue.is_whole


def test_files_of_other_modules_may_be_imported(parser: Parser) -> None:
    money = dedent(MONEY)
    version = Version(Format.PROTOBUF, {"orders.proto": dedent(ORDERS)}, {"money.proto": money, "orders.proto": "no"})
    catalogue = parser.parse(version)
    assert catalogue.is_whole
    assert [file.path for file in catalogue.files] == ["orders.proto"]
    assert catalogue.imports[0] == Import("orders.proto", "money.proto", Origin.OTHER, 3)
    assert "shop.v1.Money" not in {entity.name for entity in catalogue.entities}
    broken = Version(Format.PROTOBUF, version.files, {"money.proto": "message"})
    assert parser.parse(broken).faults[0] == Fault("Expected message name.", "money.proto", 1, 8)


def test_a_version_may_bring_its_own_well_known_files(parser: Parser) -> None:
    own = 'syntax = "proto3"; package google.type; message LatLng { string own = 1; }'
    version = Version(Format.PROTOBUF, {"google/type/latlng.proto": own})
    assert [field.name for field in parser.parse(version).entities[0].fields] == ["own"]
