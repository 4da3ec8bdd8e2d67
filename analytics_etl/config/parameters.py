"""Parameters: numbers and words that the SELECTs of a family may name. Knows no database, and reads no environment.

`sql/<family>/parameters.yaml` declares them; each is set by the environment variable `ANALYTICS_<NAME>`:

    trending_min_downloads:
      default: 10
      minimum: 1
      meaning: a whole number of downloads

If the default is a whole number, values must be, too; if it is a text, values are texts. Parameters with the same
`share_of` are shares that sum to 1.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from analytics_etl.text.visible import cut

Number = int | float
Value = Number | str

_KEYS = {"default", "minimum", "maximum", "meaning", "share_of"}
_ROUNDING = 1e-9
LARGEST = 10**8
"""Largest value: PostgreSQL reads it as an integer of 32 bits, and a SELECT may multiply it by ten."""
_LONGEST_TEXT = 100
_LONGEST_SHOWN = 200


class ParameterError(ValueError):
    """A declaration or a value is invalid; the message says what was expected."""


@dataclass(frozen=True)
class Parameter:
    """One number or text that a SELECT names."""

    path: Path
    name: str
    default: Value
    meaning: str
    minimum: Number | None = None
    maximum: Number | None = None
    share_of: str | None = None
    """The whole that this share is a part of; shares with the same name sum to 1."""

    @property
    def variable(self) -> str:
        return f"ANALYTICS_{self.name.upper()}"

    @property
    def expected(self) -> str:
        """The expected values, in words."""
        if self.minimum is None:
            return self.meaning
        if self.maximum is None:
            return f"{self.meaning}, {self.minimum} or more"
        return f"{self.meaning}, {self.minimum} to {self.maximum}"

    def parse(self, text: str) -> Value:
        """Parse a value of the environment. Raise ParameterError if it is not expected."""
        value: Value
        try:
            value = type(self.default)(text)
        except ValueError:
            value = math.nan
        if not self.accepts(value):
            is_too_large = not isinstance(value, str) and value > LARGEST and self.maximum is None
            most = f" and at most {LARGEST:,}" if is_too_large else ""
            shown = cut(repr(text), _LONGEST_SHOWN)
            raise ParameterError(f"{self.variable} must be {self.expected}{most}, but is {shown}")
        return value

    def accepts(self, value: Value) -> bool:
        if isinstance(value, str):
            return isinstance(self.default, str) and 0 < len(value) <= _LONGEST_TEXT and value.isprintable()
        return (
            -LARGEST <= value <= LARGEST  # false for NaN
            and (self.minimum is None or value >= self.minimum)
            and (self.maximum is None or value <= self.maximum)
        )


def load_parameters(sql_dir: Path) -> dict[str, Parameter]:
    """The declared parameters of every family, by name."""
    found: dict[str, Parameter] = {}
    for path in sorted(sql_dir.glob("*/parameters.yaml")):
        for name, entry in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            if name in found:
                raise ParameterError(f"{path}: {name} is declared in {found[name].path}, too; expected one place only")
            found[name] = _parameter(path, name, entry)
    _check_shares(found, {name: parameter.default for name, parameter in found.items()})
    return found


def values(parameters: Mapping[str, Parameter], environment: Mapping[str, str]) -> dict[str, Value]:
    """The value of each parameter: from the environment, else the default."""
    found = {}
    for name, parameter in parameters.items():
        text = environment.get(parameter.variable, "").strip()
        found[name] = parameter.parse(text) if text else parameter.default
    _check_shares(parameters, found)
    return found


def _parameter(path: Path, name: str, entry: Any) -> Parameter:
    if not isinstance(entry, dict) or not {"default", "meaning"} <= set(entry) <= _KEYS:
        raise ParameterError(f"{path}: {name} needs default and meaning; beyond them there are only {sorted(_KEYS)}")
    parameter = Parameter(path, name, **entry)
    if isinstance(parameter.default, bool) or not isinstance(parameter.default, int | float | str):
        raise ParameterError(f"{path}: the default of {name} must be a number or a text, but is {parameter.default!r}")
    if not parameter.accepts(parameter.default):
        raise ParameterError(f"{path}: the default of {name} must be {parameter.expected}, but is {parameter.default}")
    return parameter


def _check_shares(parameters: Mapping[str, Parameter], found: Mapping[str, Value]) -> None:
    groups: dict[str, list[Parameter]] = {}
    for parameter in parameters.values():
        if parameter.share_of is not None:
            groups.setdefault(parameter.share_of, []).append(parameter)
    for whole, members in groups.items():
        total = sum(float(found[member.name]) for member in members)
        if abs(total - 1) > _ROUNDING:
            shown = " + ".join(f"{member.variable}={found[member.name]:g}" for member in members)
            raise ParameterError(f"{shown} must add up to 1, being shares of the {whole}, but is {total:g}")
