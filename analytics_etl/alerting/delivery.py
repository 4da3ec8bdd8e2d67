"""What every way of handing a message over has in common.

`handing_over` is a block that begins when the receiver has accepted the message: what the caller does in it comes
before the connection is closed, so that hardly any time passes between acceptance and its being noted. What is said of
a failure never holds a secret.
"""

import base64
import hashlib
from collections.abc import Sequence
from typing import Any, Protocol

from analytics_etl.alerting.messages import Message

TIMEOUT_SECONDS = 8
"""A sensor's tick has 60 seconds, for all receivers."""


class DeliveryError(RuntimeError):
    """A message was not accepted."""

    def __init__(self, said: str, *, is_about_the_address: bool = False) -> None:
        super().__init__(said)
        self.is_about_the_address = is_about_the_address
        """The others at the same server may still get theirs."""


class Receiver(Protocol):
    """Somewhere a message can be handed over to."""

    @property
    def name(self) -> str: ...

    @property
    def channel(self) -> str:
        """What several receivers share: if it is down, it is down for all of them."""

    def handing_over(self, message: Message) -> Any:
        """A block in which the message has been accepted; raise DeliveryError if it is not."""

    def is_for(self, owners: Sequence[str]) -> bool: ...


def secrets_in(user: str, password: str) -> list[str]:
    """A password in the forms a server could repeat it in."""
    if not password:
        return []
    pairs = (password, f"\0{user}\0{password}", f"{user}:{password}")
    return [password, *(base64.b64encode(text.encode()).decode() for text in pairs)]


def fingerprint(dedup_key: str) -> str:
    """A dedup key as it can stand in a header: always the same for the same key."""
    return hashlib.sha256(dedup_key.encode()).hexdigest()[:40]
