"""Who gets which reports: ANALYTICS_REPORTS_TO, by family and cadence."""

import re
from collections.abc import Collection
from dataclasses import dataclass

ANY = "*"
WEBHOOK = "webhook"
CADENCES = ("daily", "weekly", "monthly")

_GROUP = re.compile(rf"(\*|[a-z_][a-z0-9_]*)\.(\*|{'|'.join(CADENCES)})")
_TEAM = re.compile(r"team:[A-Za-z0-9_.-]+")
_ADDRESS = re.compile(r"[!-~]+@[!-~]+")
_NOT_IN_ADDRESSES = set('<>,;"()')


@dataclass(frozen=True)
class ReportReceivers:
    """(family, cadence, receiver) ; the first two may be ANY. A receiver is a team, an address or WEBHOOK."""

    entries: tuple[tuple[str, str, str], ...] = ()

    def of(self, family: str, cadence: str) -> tuple[str, ...]:
        """The receivers of the reports of a family and cadence, each once."""
        found = [to for of, each, to in self.entries if of in (ANY, family) and each in (ANY, cadence)]
        return tuple(dict.fromkeys(found))

    @property
    def receivers(self) -> frozenset[str]:
        """Everybody who gets any report."""
        return frozenset(to for _, _, to in self.entries)

    def unknown(self, families: Collection[str]) -> list[str]:
        """Configured families that there are not."""
        return sorted({of for of, _, _ in self.entries} - {ANY, *families})


def parse_report_receivers(text: str) -> ReportReceivers:
    """Parse `registry.daily=team:registry,a@x.org; *.weekly=webhook`, else ValueError."""
    found = []
    for group in filter(None, (part.strip() for part in text.split(";"))):
        name, _, listed = group.partition("=")
        matched = _GROUP.fullmatch(name.strip())
        receivers = [receiver.strip() for receiver in listed.split(",")]
        if matched is None or not all(map(_is_receiver, receivers)):
            raise ValueError(text)
        found += [(matched[1], matched[2], receiver) for receiver in receivers]
    return ReportReceivers(tuple(dict.fromkeys(found)))


def _is_receiver(text: str) -> bool:
    is_address = _ADDRESS.fullmatch(text) is not None and not set(text) & _NOT_IN_ADDRESSES
    return text == WEBHOOK or _TEAM.fullmatch(text) is not None or is_address
