"""Where the page of a module lies. Names of modules are texts of events: anything may stand in them."""

import hashlib
import re
from typing import Literal

PAGES_FOLDER = "modules"
LISTS = {"html": "modules.html", "json": "modules.json"}
"""The list of all modules, beside the index of reports."""

Suffix = Literal["html", "json", "svg"]
SUFFIXES: tuple[Suffix, ...] = ("html", "json", "svg")
"""Of the page of a module, its value and its badge."""

_LONGEST = 120
_UNSAFE = re.compile(r"[^a-z0-9._-]|^[.-]")


def module_file(name: str) -> str:
    """The name of a module as a file name without a suffix, the same for no two modules, whatever the file system.

    Small letters, digits and `._-` stay, `/` is `~`, of anything else the bytes of its UTF-8 stand there as `=c3=a9`. A
    long name is cut, and its SHA-256 follows.
    """
    text = _UNSAFE.sub(lambda found: "~" if found[0] == "/" else "".join(f"={n:02x}" for n in found[0].encode()), name)
    if len(text) <= _LONGEST:
        return text
    return f"{text[: _LONGEST // 2]}=-{hashlib.sha256(name.encode()).hexdigest()}"


def module_path(name: str, suffix: Suffix = "html") -> str:
    """The path of a file of a module below the reports folder; links in reports and in the index rely on it."""
    return f"{PAGES_FOLDER}/{module_file(name)}.{suffix}"
