"""What all receivers share: their protocol, their error, fingerprints of messages.

The text of a DeliveryError never holds a secret.
"""

import base64
import hashlib
from collections.abc import Sequence
from typing import Any, Protocol

from analytics_etl.alerting.messages import Message

TIMEOUT_SECONDS = 8
"""A sensor's tick has 60 seconds, for all receivers."""


class DeliveryError(RuntimeError):
    """A receiver did not accept a message."""

    def __init__(self, reason: str, *, is_about_the_address: bool = False) -> None:
        super().__init__(reason)
        self.is_about_the_address = is_about_the_address
        """Only this address was refused: the server may accept messages to others."""


class Receiver(Protocol):
    """Somewhere to deliver messages: a log, an address, a URL."""

    @property
    def name(self) -> str: ...

    @property
    def channel(self) -> str:
        """What several receivers share, such as a mail server: when it is down, all of them are."""

    def handing_over(self, message: Message) -> Any:
        """A block that begins when the receiver has accepted the message; raises DeliveryError if it does not.

        The connection stays open during the block. So the caller can commit the delivery right after acceptance.
        """

    def is_for(self, owners: Sequence[str]) -> bool:
        """Whether messages to these owners go to this receiver."""


def secrets_in(user: str, password: str) -> list[str]:
    """A password in all forms in which a server could repeat it."""
    if not password:
        return []
    pairs = (password, f"\0{user}\0{password}", f"{user}:{password}")
    return [password, *(base64.b64encode(text.encode()).decode() for text in pairs)]


def fingerprint(dedup_key: str) -> str:
    """A hash of a dedup key that fits in a header: 40 hexadecimal digits."""
    return hashlib.sha256(dedup_key.encode()).hexdigest()[:40]
