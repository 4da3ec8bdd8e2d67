"""Parameters: what is declared, what a value must be, and that another value is another version of a SELECT."""

from pathlib import Path

import pytest

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import Model, ModelError
from analytics_etl.catalog.reading import read_models
from analytics_etl.config.parameters import ParameterError, load_parameters, values
from analytics_etl.config.settings import SQL_DIR, Settings, SettingsError

DECLARED = """\
shop_minimum: {default: 10, minimum: 1, meaning: a whole number of visits}
shop_price: {default: 0.6, minimum: 0, maximum: 1, meaning: a weight, share_of: score}
shop_speed: {default: 0.4, minimum: 0, maximum: 1, meaning: a weight, share_of: score}
shop_door: {default: front, meaning: the name of a door}
"""


def declare(folder: Path, text: str = DECLARED, family: str = "shop") -> Path:
    path = folder / family / "parameters.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return folder


def test_defaults_and_values_of_the_environment(tmp_path: Path) -> None:
    declared = load_parameters(declare(tmp_path))
    assert values(declared, {"ANALYTICS_SHOP_MINIMUM": " "}) == {
        "shop_minimum": 10, "shop_price": 0.6, "shop_speed": 0.4, "shop_door": "front",
    }  # fmt: skip
    given = {"ANALYTICS_SHOP_MINIMUM": "3", "ANALYTICS_SHOP_PRICE": "0.25", "ANALYTICS_SHOP_SPEED": ".75"}
    given |= {"ANALYTICS_SHOP_DOOR": " it's :start "}
    assert values(declared, given) == {
        "shop_minimum": 3, "shop_price": 0.25, "shop_speed": 0.75, "shop_door": "it's :start",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"SHOP_MINIMUM": "0"}, "ANALYTICS_SHOP_MINIMUM must be a whole number of visits, 1 or more, but is '0'"),
        ({"SHOP_MINIMUM": "1.5"}, "ANALYTICS_SHOP_MINIMUM must be a whole number of visits, 1 or more, but is '1.5'"),
        ({"SHOP_PRICE": "much"}, "ANALYTICS_SHOP_PRICE must be a weight, 0 to 1, but is 'much'"),
        ({"SHOP_PRICE": "nan"}, "ANALYTICS_SHOP_PRICE must be a weight, 0 to 1, but is 'nan'"),
        ({"SHOP_DOOR": "a\0b"}, "ANALYTICS_SHOP_DOOR must be the name of a door, but is 'a\\x00b'"),
        ({"SHOP_PRICE": "1.1"}, "ANALYTICS_SHOP_PRICE must be a weight, 0 to 1, but is '1.1'"),
        (
            {"SHOP_PRICE": "0.5"},
            (
                "ANALYTICS_SHOP_PRICE=0.5 + ANALYTICS_SHOP_SPEED=0.4 must add up to 1, being shares of the score, "
                "but is 0.9"
            ),
        ),
    ],
)
def test_a_value_that_makes_no_sense(tmp_path: Path, environment: dict[str, str], message: str) -> None:
    declared = load_parameters(declare(tmp_path))
    with pytest.raises(ParameterError) as refusal:
        values(declared, {f"ANALYTICS_{name}": text for name, text in environment.items()})
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1", "a needs default and meaning"),
        ("a: {default: 1}", "a needs default and meaning"),
        ("a: {default: 1, meaning: m, unit: s}", "a needs default and meaning; beyond them there are only"),
        ("a: {default: '', meaning: m}", "the default of a must be m, but is "),
        ("a: {default: true, meaning: m}", "the default of a must be a number or a text, but is True"),
        ("a: {default: 0, minimum: 1, meaning: visits}", "the default of a must be visits, 1 or more, but is 0"),
        ("a: {default: 0.5, meaning: m, share_of: score}", "must add up to 1"),
    ],
)
def test_a_declaration_that_breaks_a_rule(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        load_parameters(declare(tmp_path, text))


def test_a_name_belongs_to_one_family(tmp_path: Path) -> None:
    declare(declare(tmp_path), "shop_minimum: {default: 1, meaning: m}", family="stall")
    with pytest.raises(ParameterError, match=r"stall/parameters\.yaml: shop_minimum is declared in .*shop"):
        load_parameters(tmp_path)


def model(folder: Path, minimum: int | str, name: str = "shop_minimum") -> Model:
    path = folder / "shop" / "aggregates" / "visits_daily.sql"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "/*\ndescription: Visits.\nkey: [day]\ncolumns: {day: Day., visits: Visits.}\n*/\n"
        "select day, count(*) as visits from shop.visits where day >= :start::date and day < :end::date\n"
        f"group by 1 having count(*) >= :{name}"
    )
    return read_models(path, {"shop_minimum": minimum})["shop.visits_daily"]


def test_a_select_holds_the_value_and_another_value_is_another_version(tmp_path: Path) -> None:
    ten, twenty = model(tmp_path, 10), model(tmp_path, 20)
    assert ten.select.endswith("day >= :start::date and day < :end::date\ngroup by 1 having count(*) >= 10")
    assert twenty.statement({"start": "2025-03-31", "end": "2025-04-01"}).endswith(">= 20")
    assert ten.code_version == model(tmp_path, 10).code_version != twenty.code_version


def test_a_text_is_bound_as_one(tmp_path: Path) -> None:
    statement = model(tmp_path, "it's :start").statement({"start": "2025-03-31", "end": "2025-04-01"})
    assert statement.endswith("group by 1 having count(*) >= 'it''s :start'")


def test_a_parameter_nobody_declared_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"unknown parameter :shop_maximum, expected one of \['end', 'shop_minimum'"):
        model(tmp_path, 10, "shop_maximum")


def test_settings_of_the_environment_reach_the_catalogue() -> None:
    table = "registry.trending_modules"
    configured = Catalog.of(Settings.from_environment({"ANALYTICS_TRENDING_MIN_DOWNLOADS": "77"}))
    assert ">= 77" in configured.views[table].select
    assert configured.code_version(table) != Catalog().code_version(table)
    assert Catalog.of(Settings.from_environment({})).code_version(table) == Catalog().code_version(table)
    with pytest.raises(SettingsError, match="TRENDING_MIN_DOWNLOADS must be a whole number of downloads, 1 or more"):
        Settings.from_environment({"ANALYTICS_TRENDING_MIN_DOWNLOADS": "0"})


def test_every_parameter_is_named_by_a_select_of_its_family() -> None:
    for name, parameter in load_parameters(SQL_DIR).items():
        files = [path for path in parameter.path.parent.glob("*/*.sql") if f":{name}" in path.read_text()]
        assert files, f"{parameter.path}: no SELECT names :{name}"
