"""Parsers of names that settings list: families, hosts, addresses, origins of web pages, the issuer of tokens.

Each raises ValueError for an invalid text.
"""

import re


def families(text: str) -> tuple[str, ...]:
    found = tuple(sorted({name.strip() for name in text.split(",")}))
    if not all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in found):
        raise ValueError(text)
    return found


def hosts(text: str) -> tuple[str, ...]:
    found = tuple(host.strip().strip("[]").lower() for host in text.split(","))
    if not all(re.fullmatch(r"[a-z0-9._-]+|[0-9a-f:.]*:[0-9a-f:.]*", host) for host in found):
        raise ValueError(text)
    return found


def addresses(text: str) -> tuple[tuple[str, str], ...]:
    """Parse `team:a=x@y.org,z@y.org; team:b=...`, or addresses alone, which are for every owner (*)."""
    found = []
    for group in filter(None, (part.strip() for part in text.split(";"))):
        owner, _, listed = group.rpartition("=")
        found += [(owner.strip() or "*", address(each)) for each in listed.split(",") if each.strip()]
    return tuple(found)


def address(text: str) -> str:
    if not re.fullmatch(r"[!-~]+@[!-~]+", text.strip()) or set(text) & set('<>,;"()'):
        raise ValueError(text)
    return text.strip()


def claim(text: str) -> str:
    if not re.fullmatch(r"[!-~]{1,500}", text):
        raise ValueError(text)
    return text


def origins(text: str) -> tuple[str, ...]:
    found = tuple(origin.strip() for origin in text.split(","))
    if not all(re.fullmatch(r"https?://[a-z0-9._-]+(:[0-9]{1,5})?", origin) for origin in found):
        raise ValueError(text)
    return found
