"""`analytics-etl check-schema`: text, JSON and SARIF, exit codes, and what it says of what it cannot read."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from analytics_etl.cli import main

OLD = 'syntax = "proto3";\npackage shop.v1;\nmessage Order {\n  string id = 1;\n  string note = 2;\n}\n'
NEW = 'syntax = "proto3";\npackage shop.v1;\nmessage Order {\n  int32 id = 1;\n  int64 at = 3;\n  reserved 2;\n}\n'


def check(*arguments: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(main, ["check-schema", *map(str, arguments)])


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return write(tmp_path / "new", shop__order_proto=NEW)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return write(tmp_path / "old", shop__order_proto=OLD)


def test_it_says_what_breaks_and_where(new: Path, old: Path) -> None:
    result = check(new, "--against", old)
    assert result.exit_code == 1
    assert [line.split(" breaking ")[0] for line in result.stdout.splitlines()] == [
        "✗ shop/order.proto:3: FIELD_NO_DELETE (FILE, PACKAGE)",
        "✗ shop/order.proto:4: FIELD_SAME_TYPE (FILE, PACKAGE)",
        "✗ shop/order.proto:4: FIELD_WIRE_COMPATIBLE_TYPE (WIRE)",
        "3 rules broken; other changes: 1 addition, 2",
    ]
    said = 'breaking source: shop.v1.Order.id: The field 1 "id" has the type int32, before string.'
    assert result.stdout.splitlines()[1].endswith(said)


def test_what_is_not_enforced_breaks_nothing(new: Path, old: Path) -> None:
    result = check(new, "--against", old, "--enforce", "WIRE")
    assert (result.exit_code, len(result.stdout.splitlines())) == (1, 2)
    result = check(old, "--against", old)
    assert (result.exit_code, result.stdout) == (0, "nothing breaks; other changes: none\n")
    result = check(new, "--against", old, "--enforce", "BACKWARD", "--all")
    assert result.exit_code == 0
    assert "✓ shop/order.proto:5: field_added addition: The field shop.v1.Order.at was added.\n" in result.stdout


def test_json_has_every_change(new: Path, old: Path) -> None:
    result = check(new, "--against", old, "--format", "json")
    said = json.loads(result.stdout)
    assert (result.exit_code, said["breaks"], said["faults"]) == (1, True, [])
    assert [(change["rule"], change["is_enforced"]) for change in said["changes"]] == [
        ("FIELD_NO_DELETE", True),
        ("FIELD_NO_DELETE_UNLESS_NAME_RESERVED", False),
        ("FIELD_SAME_TYPE", True),
        ("FIELD_WIRE_COMPATIBLE_TYPE", True),
        ("FIELD_WIRE_JSON_COMPATIBLE_TYPE", False),
        ("field_added", False),
    ]
    assert said["changes"][0] == {
        "category": "breaking_source",
        "action": "removed",
        "rule": "FIELD_NO_DELETE",
        "element": "shop.v1.Order.note",
        "message": 'The field 2 "note" was removed.',
        "file": "shop/order.proto",
        "line": 3,
        "sets": ["FILE", "PACKAGE"],
        "is_enforced": True,
    }


def test_sarif_has_rules_levels_and_places(new: Path, old: Path) -> None:
    result = check(new, "--against", old, "--format", "sarif")
    log = json.loads(result.stdout)
    assert (result.exit_code, log["version"]) == (1, "2.1.0")
    (run,) = log["runs"]
    assert [(item["ruleId"], item["level"]) for item in run["results"]] == [
        ("FIELD_NO_DELETE", "error"),
        ("FIELD_NO_DELETE_UNLESS_NAME_RESERVED", "warning"),
        ("FIELD_SAME_TYPE", "error"),
        ("FIELD_WIRE_COMPATIBLE_TYPE", "error"),
        ("FIELD_WIRE_JSON_COMPATIBLE_TYPE", "warning"),
        ("field_added", "note"),
    ]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert all(rules[item["ruleIndex"]] == item["ruleId"] for item in run["results"])
    assert run["results"][0]["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "shop/order.proto"},
                "region": {"startLine": 3},
            },
            "logicalLocations": [{"fullyQualifiedName": "shop.v1.Order.note"}],
        }
    ]
    assert run["invocations"] == [{"executionSuccessful": True, "toolExecutionNotifications": []}]


def test_a_version_that_cannot_be_read_is_no_version_that_breaks_nothing(tmp_path: Path, old: Path) -> None:
    broken = write(tmp_path / "broken", shop__order_proto="message")
    result = check(broken, "--against", old)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "✗ shop/order.proto:1:8: Expected message name.\n"
    result = check(old, "--against", broken, "--format", "json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["faults"][0]["message"].startswith("the old version: shop/order.proto:1:8: ")
    (run,) = json.loads(check(broken, "--against", old, "--format", "sarif").stdout)["runs"]
    assert run["invocations"][0]["executionSuccessful"] is False
    assert run["invocations"][0]["toolExecutionNotifications"][0]["locations"] == [
        {"physicalLocation": {"artifactLocation": {"uri": "shop/order.proto"}, "region": {"startLine": 1}}}
    ]


def test_single_files_of_other_formats(tmp_path: Path) -> None:
    narrow, wide = (json.dumps({"type": "string", "maxLength": number}) for number in (5, 9))
    folder = write(tmp_path, narrow_json=narrow, wide_json=wide, int_avsc='"int"', long_avsc='"long"')
    assert check(folder / "narrow.json", "--against", folder / "wide.json").exit_code == 1
    assert check(folder / "wide.json", "--against", folder / "narrow.json").exit_code == 0
    assert check(folder / "wide.json", "--against", folder / "narrow.json", "--enforce", "FORWARD").exit_code == 1
    assert check(folder / "long.avsc", "--against", folder / "int.avsc").exit_code == 0
    result = check(folder / "int.avsc", "--against", folder / "long.avsc")
    assert result.exit_code == 1
    assert "TYPE_MISMATCH (BACKWARD) breaking wire: The new version does not read data of the other" in result.stdout


def test_what_is_no_folder_of_schemas_is_said(tmp_path: Path, old: Path) -> None:
    empty, mixed = write(tmp_path / "empty", readme_txt=""), write(tmp_path / "mixed", a_proto=OLD, b_json="{}")
    latin = tmp_path / "latin" / "a.proto"
    latin.parent.mkdir()
    latin.write_bytes(b"// caf\xe9")
    large = write(tmp_path / "large", a_proto="//" + "x" * (5 << 20))
    for path, said in (
        (tmp_path / "nowhere", "does not exist, expected a folder or file of schemas"),
        (empty, "has no .proto, .avsc or .json file, expected one format; name it: --schema-format"),
        (mixed, "has files of several formats, expected one format; name it: --schema-format"),
        (latin.parent, "is not UTF-8: byte 6 cannot be read"),
        (large, "has 5,242,882 bytes of .proto files, expected at most 4,194,304"),
    ):
        result = check(path, "--against", old)
        assert result.exit_code == 1
        assert said in result.stderr
    assert check(mixed, "--against", old, "--schema-format", "protobuf").exit_code == 1
    result = check(old, "--against", mixed, "--schema-format", "avro")
    assert "has no .avsc file, expected a version in avro" in result.stderr


def test_hidden_files_are_left_out(old: Path) -> None:
    (old / ".git").mkdir()
    (old / ".git" / "x.proto").write_text("message", encoding="utf-8")
    assert check(old, "--against", old).exit_code == 0
