"""Messages of the errors that a person can do something about."""

import errno

from analytics_etl.catalog.contracts import ContractError
from analytics_etl.catalog.models import ModelError
from analytics_etl.cli.configured import read_settings
from analytics_etl.config.settings import SettingsError
from analytics_etl.lake import LakeError
from analytics_etl.postgres.connection import DatabaseError, without_password
from analytics_etl.postgres.failures import explained
from analytics_etl.postgres.server import EmbeddedServerError

_OF_A_PATH = (
    *(errno.ENOENT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG),
    errno.ELOOP,
)
"""Errors of a path that somebody typed or set."""


def explanation(error: BaseException) -> str | None:
    """The message of an error that a person can do something about; None for any other, which is a bug."""
    known = (SettingsError, DatabaseError, LakeError, EmbeddedServerError, ModelError, ContractError)
    if isinstance(error, SettingsError):
        return str(error)
    said = str(error) if isinstance(error, known) else explained(error)
    if said is None and isinstance(error, OSError) and error.errno in _OF_A_PATH and error.filename is not None:
        return f"{error.filename} cannot be used: {error.strerror}"
    return None if said is None else without_password(said, read_settings())
