"""Reading the settings from the environment with pydantic-settings. No other module reads the environment."""

import os
from collections import ChainMap
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, get_type_hints

from pydantic import Field, PlainValidator, ValidationError, create_model
from pydantic_settings import BaseSettings, SettingsConfigDict

from analytics_etl.config import parameters as declared
from analytics_etl.config.formats import TextFormat, UrlFormat
from analytics_etl.config.settings import SQL_DIR, Settings, SettingsError
from analytics_etl.config.values import RETENTION_DAYS

_NAMED_OTHERWISE = {
    "lake_dir": "lake",
    "lateness": "lateness_days",
    "most_events": "most_events_a_day",
    "personal_retention": "personal_retention_days",
}
"""{setting: the rest of its variable's name}, where the two differ."""

_FORMER_NAMES = {
    "ANALYTICS_RETENTION_DAYS": ("hot_days", RETENTION_DAYS, ", where never keeps everything and 0 nothing")
}
"""{variable of an earlier version: (setting, the format it had, a hint)}."""


def read(given: Mapping[str, str]) -> dict[str, Any]:
    """{setting: value} of the variables that are set. `given` overrides the environment.

    Raise SettingsError, which names every variable with an invalid value.
    """
    texts = ChainMap(dict(given), os.environ)
    try:
        found = _Environment(**given)
        parameters = declared.values(declared.load_parameters(SQL_DIR), texts)
    except ValidationError as error:
        raise SettingsError("; ".join(_complaints(error))) from None  # its text has the values, and so passwords
    except declared.ParameterError as error:
        raise SettingsError(str(error)) from error
    values = {name: value for name in VARIABLES if (value := getattr(found, name)) is not None}
    return {"parameters": parameters} | _by_former_names(texts) | values


def _by_former_names(texts: Mapping[str, str]) -> dict[str, Any]:
    """{setting: value} of variables under their names of an earlier version, and what to say about them."""
    found, lines = dict[str, Any](), list[str]()
    for former, (name, text_format, hint) in _FORMER_NAMES.items():
        try:
            value = text_format.read(texts.get(former, ""))
        except ValueError as error:
            raise SettingsError(f"{former} {error}") from None
        if value is not None:
            found[name] = value
            lines.append(f"{former} is called {VARIABLES[name]} now{hint}: please rename it")
    return {**found, "renamed": tuple(lines)}


class _Variables(BaseSettings):
    """Reads variables by their exact names, as texts; the type of a setting parses its text."""

    model_config = SettingsConfigDict(
        case_sensitive=True, enable_decoding=False, extra="ignore", validate_default=False
    )


def _variable(setting: str) -> str:
    return f"ANALYTICS_{_NAMED_OTHERWISE.get(setting, setting).upper()}"


def _fields() -> dict[str, Any]:
    """The pydantic field of each setting that has a variable; its value is None if the variable is unset."""
    return {
        name: (Annotated[Any, PlainValidator(text_format.read)], Field(default=None, validation_alias=_variable(name)))
        for name, hint in get_type_hints(Settings, include_extras=True).items()
        for text_format in getattr(hint, "__metadata__", ())
        if isinstance(text_format, TextFormat | UrlFormat)
    }


_Environment = create_model("_Environment", __base__=_Variables, **_fields())

VARIABLES = {name: _variable(name) for name in _Environment.model_fields}
"""{setting: its variable}, without the parameters of families."""


def _complaints(error: ValidationError) -> Iterator[str]:
    """A message for each invalid variable. It shows the value only if the parser does: a URL may hold a password."""
    for found in error.errors(include_url=False, include_input=False):
        yield f"{found['loc'][0]} {found['ctx']['error']}"
