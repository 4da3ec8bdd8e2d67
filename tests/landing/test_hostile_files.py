"""Names, links and folders as nobody should make them: each stops itself and nothing else, and is told as a file."""

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from books import assert_books_balance, failing_checks, loaded_ids
from conftest import reachable_folder
from events import DOWNLOADS, declared, download, ledger, load, ndjson, rejected, write, write_raw
from hypothesis import given
from hypothesis import strategies as st

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import Settings
from analytics_etl.landing import LandingFile, list_files
from analytics_etl.landing.lines import Lines
from analytics_etl.landing.names import LONGEST_PATH, ledger_path
from analytics_etl.landing.rejections import FileState
from analytics_etl.monitoring.doctor.surroundings import landing
from analytics_etl.pipeline.forgetting import forget_file
from analytics_etl.pipeline.late import new_files
from analytics_etl.postgres.connection import DatabaseError
from analytics_etl.postgres.database import Database

FOLDER = "download_events"
NOBODY = 65534

NO_TEXT = os.fsdecode(b"caf\xe9.ndjson")
LONG = "/".join(["l" * 200] * 15) + "/a.ndjson"
ODD_NAMES = [NO_TEXT, "two\nlines.ndjson", "\x1b]52;c;eA==\x07.ndjson", "rtl\u202enosjdn.ndjson", LONG]


def make_odd_things(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in ODD_NAMES[:-1]:
        (folder / name).write_bytes(ndjson([download(900)]))
    deep = folder
    for part in LONG.split("/")[:-1]:
        deep /= part
        deep.mkdir()
    (deep / "a.ndjson").write_bytes(ndjson([download(900)]))
    for link, target in {"self": "self", "one": "two", "two": "one", "none": "nothing"}.items():
        (folder / f"{link}.ndjson").symlink_to(f"{target}.ndjson")
    os.mkfifo(folder / "fifo.ndjson")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(folder / "socket.ndjson"))  # a socket's path is short
    (folder / "dated.ndjson").write_bytes(ndjson([download(1)]))
    os.utime(folder / "dated.ndjson", (1e11, 1e11))


def test_each_odd_thing_stops_only_itself(
    settings: Settings, database: Database, catalog: Catalog, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    make_odd_things(settings.landing_dir / FOLDER)
    write(settings, f"{FOLDER}/good.ndjson", [download(2)])
    load(database)
    assert loaded_ids(settings) == [1, 2]
    found = {path.removeprefix(f"{FOLDER}/"): file for path, file in ledger(settings.database_url).items()}
    reasons = {name: file["reason"] for name, file in found.items() if file["state"] == "rejected"}
    [long] = [name for name in reasons if name.startswith("lll")]
    assert {name: reason.split(";")[0] for name, reason in reasons.items()} == {
        **dict.fromkeys(
            [r"caf\xe9.ndjson", r"two\x0alines.ndjson", r"\x1b]52;c;eA==\x07.ndjson", r"rtl\u202enosjdn.ndjson"],
            r"has control characters, or bytes that are no UTF-8, in its path (written like \x0a)",
        ),
        long: "has a path of 3,039 bytes",
        **dict.fromkeys(["self.ndjson", "one.ndjson", "two.ndjson"], "is a link to itself"),
        "none.ndjson": "is a link to nothing",
        "fifo.ndjson": "is no regular file",
        "socket.ndjson": "is no regular file",
    }
    assert all(name.isprintable() and len(name) < 300 for name in found)
    assert failing_checks(database, catalog) == {"undated_files_are_readable"}
    contract = declared().contracts[DOWNLOADS]
    assert list(new_files(contract, declared(), database)) == []
    before = rejected(settings.database_url)
    load(database)
    assert rejected(settings.database_url) == before
    [of_downloads] = [f for f in landing(settings, catalog) if f.subject == f"landing {FOLDER}"]
    assert of_downloads.detail.startswith("11 of 13 files cannot be read, e.g. ")
    assert of_downloads.detail.isprintable()


def test_an_odd_file_is_forgotten_by_either_name(settings: Settings, database: Database) -> None:
    path = settings.landing_dir / FOLDER / NO_TEXT
    for given_name in (f"{FOLDER}/{NO_TEXT}", rf"{FOLDER}/caf\xe9.ndjson", str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
        load(database)
        with pytest.raises(DatabaseError, match=r"caf\\xe9.ndjson is still there"):
            forget_file(database, given_name, "me", "a test")
        path.unlink()
        assert forget_file(database, given_name, "me", "a test").path == rf"{FOLDER}/caf\xe9.ndjson"
        assert ledger(settings.database_url) == {}


names = st.lists(
    st.binary(min_size=1, max_size=12).filter(lambda name: not set(name) & {0, 47})
    | st.text(st.sampled_from("\\xuU…\n\x80\u202e" + "a9"), min_size=1, max_size=8).map(str.encode)
    | st.integers(1, 2_500).map(lambda size: b"x" * size),
    min_size=2, max_size=5, unique=True,
)  # fmt: skip


@given(names)
def test_names_in_the_ledger(paths: list[bytes]) -> None:
    """Different files have different names that are printable, short enough and in themselves what files are called."""
    found = [ledger_path(os.fsdecode(path)) for path in paths]
    assert len({name for name, _ in found}) == len(paths)
    for path, (name, problem) in zip(paths, found, strict=True):
        assert len(name.encode()) <= LONGEST_PATH
        assert not any(ord(character) < 32 or 0x7F <= ord(character) < 0xA0 for character in name)
        if problem is None and b"\\" not in path:
            assert name.encode() == path


def test_an_ordinary_name_stays_as_it_is() -> None:
    for name in (
        "2025/03/31.ndjson",
        "größe/日本語 ✓.csv",
        r"back\slash.csv",
        "a b'\"<b>[red].csv",
        "x" * LONGEST_PATH,
    ):
        assert ledger_path(name) == (name, None)
    assert ledger_path("x" * (LONGEST_PATH + 1))[1] is not None


# -- links -----------------------------------------------------------------------------------------------------------


def test_links_that_stay_inside_are_read_and_others_are_not(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.ndjson"
    secret.write_bytes(ndjson([download(9)]) + b"root:x:0\n")
    write(settings, f"{FOLDER}/2025-03-10/real.ndjson", [download(1)])
    write(settings, "elsewhere/other.ndjson", [download(2)])
    links = settings.landing_dir / FOLDER / "links"
    links.mkdir()
    targets: dict[str, str | Path] = {
        "relative": "../2025-03-10/real.ndjson",
        "absolute": settings.landing_dir / "elsewhere" / "other.ndjson",
        "chain": "relative.ndjson",
        "out": secret,
        "out_relative": "../../../secret.ndjson",
        "out_chain": "out.ndjson",
        "out_and_back": f"../../../{settings.landing_dir.name}/elsewhere/other.ndjson",
        "device": "/dev/zero",
    }
    for name, target in targets.items():
        (links / f"{name}.ndjson").symlink_to(target)
    (links / "folder").symlink_to(secret.parent)
    (links / "inner_folder").symlink_to(settings.landing_dir / "elsewhere")
    load(database)
    files = {path.removeprefix(f"{FOLDER}/"): file for path, file in ledger(settings.database_url).items()}
    outside = ["device", "out", "out_chain", "out_relative"]
    assert {name: file["reason"].split(",")[0] for name, file in files.items() if file["state"] == "rejected"} == {
        f"links/{name}.ndjson": "is a link that leaves the landing folder" for name in outside
    }
    assert {name for name, file in files.items() if file["state"] == "read"} == {
        "2025-03-10/real.ndjson", "links/relative.ndjson", "links/absolute.ndjson", "links/chain.ndjson",
        "links/out_and_back.ndjson",
    }  # fmt: skip
    assert loaded_ids(settings) == [1, 2]
    assert not any("root" in (content or "") for *_, content in rejected(settings.database_url))
    assert_books_balance(settings)


def test_a_landing_folder_that_is_a_link(settings: Settings, tmp_path: Path) -> None:
    """Nothing is outside because of links on the way to the landing folder; a table's folder may be one inside."""
    write(settings, "store/a.ndjson", [download(1)])
    (settings.landing_dir / "store" / "b.ndjson").symlink_to("a.ndjson")
    (settings.landing_dir / FOLDER).symlink_to("store")
    (tmp_path / "links").symlink_to(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "links" / settings.landing_dir.name)
    for folder in (settings.landing_dir, tmp_path / "link", tmp_path / "links" / "link"):
        files = list_files(folder, FOLDER, frozenset())
        assert [(file.path, file.problem) for file in files] == [
            (f"{FOLDER}/a.ndjson", None), (f"{FOLDER}/b.ndjson", None),
        ]  # fmt: skip
        for file in files:
            with file.open() as opened:
                assert opened.read() == ndjson([download(1)])


def test_a_table_folder_that_leaves(settings: Settings, database: Database, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.ndjson").write_bytes(ndjson([download(9)]))
    settings.landing_dir.mkdir()
    (settings.landing_dir / FOLDER).symlink_to(tmp_path / "outside")
    load(database)
    assert loaded_ids(settings) == []
    [(path, line, reason, _)] = rejected(settings.database_url)
    assert (path, line) == (FOLDER, None)
    assert reason.startswith("is a link that leaves the landing folder")


@pytest.mark.parametrize("what", ["link", "fifo", "folder_link", "folder", "gone", "inner_link"])
def test_what_takes_the_place_of_a_listed_file_is_not_read(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, what: str
) -> None:
    """Between listing and opening anything may happen; a link that stays inside is as good as a file."""
    outside = tmp_path / "outside" / "a.ndjson"
    outside.parent.mkdir()
    outside.write_bytes(ndjson([download(9)]))
    path = write(settings, f"{FOLDER}/day/a.ndjson", [download(1)])
    write(settings, f"{FOLDER}/z.ndjson", [download(2)])

    def list_and_replace(landing_dir: Path, table: str, sources: frozenset[str]) -> list[LandingFile]:
        files = list_files(landing_dir, table, sources)
        path.unlink()
        match what:
            case "link":
                path.symlink_to(outside)
            case "inner_link":
                path.symlink_to("../z.ndjson")
            case "fifo":
                os.mkfifo(path)
            case "folder":
                path.mkdir()
            case "folder_link":
                path.parent.rmdir()
                path.parent.symlink_to(outside.parent)
        return files

    monkeypatch.setattr("analytics_etl.pipeline.loading.list_files", list_and_replace)
    load(database)
    assert loaded_ids(settings) == [2]
    state = ledger(settings.database_url)[f"{FOLDER}/day/a.ndjson"]["state"]
    assert state == ("read" if what == "inner_link" else "rejected")


# -- folders that are closed -----------------------------------------------------------------------------------------


@contextmanager
def another_user() -> Iterator[None]:
    """As a user who may do little, when tests run as root."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.fixture
def closing_settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Settings with a landing folder that every user may enter, which is looked at by one who may do no more."""

    def listed_by_another(landing_dir: Path, table: str, sources: frozenset[str]) -> list[LandingFile]:
        with another_user():
            return list_files(landing_dir, table, sources)

    for module in ("pipeline.loading", "pipeline.late", "ops.forgetting"):
        monkeypatch.setattr(f"analytics_etl.{module}.list_files", listed_by_another)
    folder = reachable_folder()
    yield replace(settings, home=folder / "home", landing_dir=folder / "landing")
    for path in folder.glob("**/"):
        path.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.parametrize("mode", [0o000, 0o111, 0o444])
def test_a_closed_folder_stops_only_its_files(closing_settings: Settings, catalog: Catalog, mode: int) -> None:
    """Not to be entered, or not to be listed, or neither. What was read in it before waits for it to be opened."""
    settings, database = closing_settings, Database(closing_settings)
    write(settings, f"{FOLDER}/open/a.ndjson", [download(1)])
    closed = write(settings, f"{FOLDER}/closed/b.ndjson", [download(2)]).parent
    load(database)
    closed.chmod(mode)
    write(settings, f"{FOLDER}/open/c.ndjson", [download(3)])
    load(database)
    assert loaded_ids(settings) == [1, 3]
    file = ledger(settings.database_url)[f"{FOLDER}/closed/b.ndjson"]
    assert file["state"] == "rejected"
    assert "(Permission denied); let the user that loads" in file["reason"]
    assert list(new_files(declared().contracts[DOWNLOADS], declared(), database)) == []
    with another_user():
        [found] = [f for f in landing(settings, catalog) if f.subject == f"landing {FOLDER}"]
    assert "cannot be read, e.g. download_events/closed" in found.detail
    with pytest.raises(DatabaseError, match=r"closed.*(whether the file is gone|is still there)"):
        forget_file(database, f"{FOLDER}/closed/b.ndjson", "me", "a test")
    closed.chmod(0o755)
    load(database)
    assert loaded_ids(settings) == [1, 2, 3]


def test_a_closed_table_folder_and_a_closed_file(closing_settings: Settings) -> None:
    settings, database = closing_settings, Database(closing_settings)
    write(settings, f"{FOLDER}/a.ndjson", [download(1)]).parent.chmod(0)
    load(database)
    [(path, line, reason, _)] = rejected(settings.database_url)
    assert (path, line) == (FOLDER, None)
    assert reason == "is a folder that cannot be read (Permission denied); let the user that loads read and enter it"
    (settings.landing_dir / FOLDER).chmod(0o755)
    write_raw(settings, f"{FOLDER}/b.csv", b"").chmod(0)
    for file in list_files(settings.landing_dir, FOLDER, frozenset()):
        state = FileState()
        with another_user():
            list(Lines(file, state).blocks())
        closed_reason = ["cannot be read: Permission denied; let the user that loads read it"]
        assert state.reasons == ([] if file.path.endswith("a.ndjson") else closed_reason)
