"""Records that arrive one by one: judged by the contract of their table, on disk before anybody is told so.

One thread does it for all requests: whatever waits is judged and written together, with one fsync for each table.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.contracts import Contract
from analytics_etl.catalog.models import Model
from analytics_etl.config.settings import Settings
from analytics_etl.landing.judge import Judge
from analytics_etl.pipeline.spool import OpenFile, adopt

MOST_WAITING = 50_000
"""Records that may wait; beyond, whoever posts is told to come back."""
MOST_AT_ONCE = 5_000
"""Records that are judged together."""
_SECONDS_BETWEEN_LOOKS = 0.5

_log = logging.getLogger(__name__)


class BacklogError(RuntimeError):
    """More records wait than may."""


class RefusedError(ValueError):
    """Some records of a post do not fit the contract of their table; then none of the post is kept."""

    def __init__(self, reasons: Mapping[int, str]) -> None:
        super().__init__(f"{len(reasons)} records do not fit")
        self.reasons = reasons
        """{position of the record in its post: why}"""


@dataclass(frozen=True)
class _Post:
    contract: Contract
    lines: Sequence[str]
    mapping: Model | None = None
    done: "Future[None]" = field(default_factory=Future)

    @property
    def place(self) -> str:
        """The folder of its files: that of the table, or of a foreign form of its records."""
        return _place(self.contract, self.mapping)


class Posting:
    """Takes posts of any table; `start` it first, and `close` it at the end.

    `written` is told which lines of a table are on disk; of foreign records the rows that a load will make of them.
    """

    def __init__(
        self, settings: Settings, written: Callable[[Contract, Sequence[str]], None] = lambda *_: None
    ) -> None:
        self._settings = settings
        self._written = written
        self._posts: queue.SimpleQueue[_Post | None] = queue.SimpleQueue()
        self._waiting = 0
        self._lock = threading.Lock()
        self._judges: dict[str, Judge] = {}
        self._files: dict[str, OpenFile] = {}
        self._thread = threading.Thread(target=self._run, name="posting", daemon=True)

    def start(self) -> None:
        """Take over what a killed process left, and begin."""
        adopt(self._settings.landing_dir, _places(Catalog.of(self._settings)))
        self._thread.start()

    def close(self) -> None:
        """Write what waits, and make ordinary landing files of the open ones."""
        if self._thread.is_alive():
            self._posts.put(None)
            self._thread.join()

    def post(self, contract: Contract, lines: Sequence[str], mapping: Model | None = None) -> "Future[None]":
        """Records of a table, each as a line of NDJSON; the result comes when all of them are on disk.

        With a mapping they are records of its foreign form, as files in its folder are.
        It raises RefusedError if one does not fit, OSError without room. BacklogError is raised at once.
        """
        with self._lock:
            if self._waiting + len(lines) > MOST_WAITING:
                raise BacklogError(f"{self._waiting:,} records wait to be written")
            self._waiting += len(lines)
        post = _Post(contract, lines, mapping)
        self._posts.put(post)
        return post.done

    def _run(self) -> None:
        is_open = True
        while is_open:
            posts, is_open = self._taken()
            by_place: dict[str, list[_Post]] = {}
            for post in posts:
                by_place.setdefault(post.place, []).append(post)
            for of_place in by_place.values():
                self._write(of_place)
            self._forget(posts)
            for place, file in list(self._files.items()):
                if file.is_due or not is_open:
                    self._close(place, file)
        for judge in self._judges.values():
            judge.close()

    def _forget(self, posts: Sequence[_Post]) -> None:
        """Make room for others."""
        with self._lock:
            self._waiting -= sum(len(post.lines) for post in posts)

    def _close(self, place: str, file: OpenFile) -> None:
        """Make an ordinary landing file of one; without room it stays open, and is tried again."""
        try:
            file.close()
        except OSError as error:
            _log.warning("a file of %s cannot be closed and is tried again: %s", place, error)
        else:
            del self._files[place]

    def _taken(self) -> tuple[list[_Post], bool]:
        """The posts that wait, as many as are judged together, and whether more may come."""
        posts: list[_Post] = []
        until = time.monotonic() + _SECONDS_BETWEEN_LOOKS
        while sum(len(post.lines) for post in posts) < MOST_AT_ONCE:
            try:
                post = self._posts.get(timeout=0 if posts else max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if post is None:
                return posts, False
            if post.done.set_running_or_notify_cancel():  # else whoever sent it has gone
                posts.append(post)
            else:
                self._forget([post])
        return posts, True

    def _write(self, posts: Sequence[_Post]) -> None:
        """Judge and write posts of one place, and tell whoever waits for them."""
        try:
            good = self._fitting(posts)
            if good:
                self._file(good[0].place).append(line for post in good for line in post.lines)
        except Exception as error:  # noqa: BLE001 - each post is told, and the next ones may succeed
            for post in posts:
                if not post.done.done():
                    post.done.set_exception(error)
            return
        for post in good:
            post.done.set_result(None)
            self._tell(post)

    def _tell(self, post: _Post) -> None:
        """Say what is on disk. A row that cannot be made now is made by a load, and the next posts must be taken."""
        try:
            made = post.lines if post.mapping is None else self._judges[post.place].made(post.lines)
            self._written(post.contract, made)
        except Exception:  # noqa: BLE001 - as above: the next posts may succeed
            _log.exception("posted records of %s are on disk, but not among the live samples", post.place)

    def _fitting(self, posts: Sequence[_Post]) -> list[_Post]:
        """The posts all of whose records fit; the others are told."""
        first = posts[0]
        if first.place not in self._judges:
            self._judges[first.place] = Judge(first.contract, first.mapping)
        reasons = iter(self._judges[first.place].reasons([line for post in posts for line in post.lines]))
        good = []
        for post in posts:
            wrong = {number: why for number, why in enumerate(next(reasons) for _ in post.lines) if why is not None}
            if wrong:
                post.done.set_exception(RefusedError(wrong))
            else:
                good.append(post)
        return good

    def _file(self, place: str) -> OpenFile:
        if place not in self._files:
            self._files[place] = OpenFile(self._settings.landing_dir, place)
        return self._files[place]


def _place(contract: Contract, mapping: Model | None) -> str:
    return contract.name if mapping is None else f"{contract.name}/{mapping.name}"


def _places(catalog: Catalog) -> list[str]:
    """The folders that posts may have files in."""
    return [
        _place(contract, mapping)
        for contract in catalog.contracts.values()
        for mapping in (None, *catalog.mappings(contract.family).values())
    ]
