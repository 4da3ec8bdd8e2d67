"""Pseudonyms of users: what reports, answers and the API show in place of a user, the same in all of them.

Without the key nobody finds out whose a pseudonym is, not even with the ids of all users at hand.
"""

import hmac
import os
import secrets
from hashlib import sha256
from pathlib import Path

from analytics_etl.disk import private
from analytics_etl.postgres.database import Database

KEY_FILE = "pseudonym_key"
_DIGITS = 12
"""Of the pseudonym: 48 bits tell a million users apart with a chance of two alike of 1 in 500."""


class Pseudonyms:
    """The pseudonyms under one key."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    @classmethod
    def of(cls, database: Database) -> "Pseudonyms":
        """Those of an installation: under the key of the settings, else under that of its home, made when missing."""
        return cls(database.settings.pseudonym_key or _kept_key(database.settings.home))

    def __call__(self, user_id: str) -> str:
        return f"user-{hmac.new(self._key, user_id.encode(), sha256).hexdigest()[:_DIGITS]}"


def _kept_key(home: Path) -> str:
    """The key in the file of the home. Of several processes that make it at once one wins."""
    path = home / KEY_FILE
    if not path.exists():
        private.make_folder(home, home)
        part = path.with_name(f".{KEY_FILE}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(32))
            path.hardlink_to(part)
        except FileExistsError:
            pass  # another process was faster: its key counts
        finally:
            part.unlink()
    return path.read_text(encoding="utf-8").strip()
