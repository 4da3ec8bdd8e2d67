"""Reading the environment, once, by pydantic-settings: what the variables say. Nothing else reads it."""

import os
from collections import ChainMap
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, get_type_hints

from pydantic import Field, PlainValidator, ValidationError, create_model
from pydantic_settings import BaseSettings, SettingsConfigDict

from analytics_etl.config import parameters as declared
from analytics_etl.config.settings import SQL_DIR, Settings, SettingsError
from analytics_etl.config.values import Written, WrittenUrl

_NAMED_OTHERWISE = {
    "lateness": "lateness_days",
    "most_events": "most_events_a_day",
    "retention": "retention_days",
    "personal_retention": "personal_retention_days",
}
"""Variables that are not called like their setting."""


def read(given: Mapping[str, str]) -> dict[str, Any]:
    """What is set, by setting; variables that are given go before the environment's.

    Raise SettingsError, which tells of every variable whose value makes no sense.
    """
    try:
        found = _Environment(**given)
        parameters = declared.values(declared.load_parameters(SQL_DIR), ChainMap(dict(given), os.environ))
    except ValidationError as error:
        raise SettingsError("; ".join(_complaints(error))) from None  # its text has the values, and so passwords
    except declared.ParameterError as error:
        raise SettingsError(str(error)) from error
    return {"parameters": parameters} | {
        name: value for name in VARIABLES if (value := getattr(found, name)) is not None
    }


class _Variables(BaseSettings):
    """How variables are read: by their very names, as texts that the type of the setting knows to read."""

    model_config = SettingsConfigDict(
        case_sensitive=True, enable_decoding=False, extra="ignore", validate_default=False
    )


def _variable(setting: str) -> str:
    return f"ANALYTICS_{_NAMED_OTHERWISE.get(setting, setting).upper()}"


def _fields() -> dict[str, Any]:
    """The settings whose text can be read; None stands for a variable that is unset."""
    return {
        name: (Annotated[Any, PlainValidator(written.read)], Field(default=None, validation_alias=_variable(name)))
        for name, hint in get_type_hints(Settings, include_extras=True).items()
        for written in getattr(hint, "__metadata__", ())
        if isinstance(written, Written | WrittenUrl)
    }


_Environment = create_model("_Environment", __base__=_Variables, **_fields())

VARIABLES = {name: _variable(name) for name in _Environment.model_fields}
"""{setting: its variable}, without the parameters of the families."""


def _complaints(error: ValidationError) -> Iterator[str]:
    """One for each variable, by name; the values are there only where its parser put them."""
    for found in error.errors(include_url=False, include_input=False):
        yield f"{found['loc'][0]} {found['ctx']['error']}"
