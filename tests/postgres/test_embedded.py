"""The embedded server: real servers, started, stopped, killed and disturbed in every way that a user's machine may."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from analytics_etl.postgres import server as embedded
from analytics_etl.postgres.server.server import Server

FAMILIES_IN_USE = ("registry",)

AS_ROOT = os.geteuid() == 0
START = (
    "import sys, pathlib, analytics_etl.postgres.server as e; "
    "print(e.ensure_running(pathlib.Path(sys.argv[1])), flush=1)"
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder that the server's user can reach, which pytest's own temporary folders are not for root's."""
    path = Path(tempfile.mkdtemp(prefix="analytics_etl-test-")).resolve()
    path.chmod(0o755)
    yield path
    for data in path.rglob("postgres/data"):
        embedded.stop(data.parent.parent)
    shutil.rmtree(path)


def ask(url: str | None, query: str) -> object:
    assert url is not None
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def add_row(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("create table kept as select 42 as answer")


def start_elsewhere(home: Path) -> subprocess.Popen[str]:
    """Start the server from another process, in a process group of its own, as a terminal does."""
    return subprocess.Popen(
        [sys.executable, "-c", START, str(home)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def kill_postmaster(home: Path) -> Path:
    """Kill -9 the server and return its pid file, which stays behind."""
    pid_file = home / "postgres" / "data" / "postmaster.pid"
    process = psutil.Process(int(pid_file.read_text().split()[0]))
    process.kill()
    psutil.wait_procs([process], timeout=10)
    return pid_file


def test_start_stop_and_start_again_keeps_the_data(folder: Path) -> None:
    assert embedded.running_url(folder) is None
    assert embedded.stop(folder) is False
    assert list(folder.iterdir()) == []

    url = embedded.ensure_running(folder)
    add_row(url)
    assert embedded.ensure_running(folder) == embedded.running_url(folder) == url
    assert embedded.stop(folder) is True
    assert embedded.running_url(folder) is None
    assert embedded.stop(folder) is False

    assert embedded.ensure_running(folder) == url
    assert ask(url, "select answer from kept") == 42


def test_settings_are_current_private_and_durable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "9999")
    monkeypatch.setenv("PGDATABASE", "nonesuch")
    url = embedded.ensure_running(folder)
    with psycopg.connect(url) as connection:
        settings: dict[str, str] = dict(connection.execute("select name, setting from pg_settings").fetchall())
        problems = connection.execute("select * from pg_file_settings where error is not null").fetchall()
    expected = {
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "server_encoding": "UTF8",
        "fsync": "on",
        "wal_level": "minimal",
        "TimeZone": "UTC",
        "jit": "off",
    }
    assert problems == []
    assert {name: settings[name] for name in expected} == expected
    assert 128 <= int(settings["shared_buffers"]) * 8 // 1024 <= 1024
    for private in ("data", "socket", "log"):
        assert (folder / "postgres" / private).stat().st_mode & 0o077 == 0
    assert ask(url, "select lower('ÄÉ')") == "äé"
    assert ask(url, "select string_agg(x, '' order by x) from unnest('{b,a,B}'::text[]) x") == "Bab"


@pytest.mark.parametrize("name", ["Größe: 50% o'clock", "comma, one"])
def test_any_path(folder: Path, name: str) -> None:
    home = folder / name
    url = embedded.ensure_running(home)
    assert ask(url, "select current_setting('data_directory')") == str(home / "postgres" / "data")
    socket_dir = Server(home).socket_dir
    assert embedded.stop(home) is True
    if socket_dir.parent != home / "postgres":
        socket_dir.rmdir()


def test_the_socket_of_a_long_path_is_found_whatever_tmpdir_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = folder / ("long" * 25)
    url = embedded.ensure_running(home)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    assert embedded.running_url(home) == embedded.ensure_running(home) == url
    socket_dir = Server(home).socket_dir
    assert len(os.fsencode(socket_dir / ".s.PGSQL.5432")) <= 103
    assert embedded.stop(home) is True
    socket_dir.rmdir()


def test_a_taken_socket_folder_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    home = folder / ("long" * 25)
    taken = Server(home).socket_dir
    taken.symlink_to(folder)
    with pytest.raises(embedded.EmbeddedServerError, match="belongs to another user"):
        embedded.ensure_running(home)


def test_starts_after_the_server_was_killed(folder: Path) -> None:
    url = embedded.ensure_running(folder)
    add_row(url)
    with contextlib.closing(psycopg.connect(url)) as busy:
        busy.pgconn.send_query(b"select count(*) from generate_series(1, 1000000000)")
        time.sleep(0.2)
        kill_postmaster(folder)
        assert embedded.running_url(folder) is None
        assert psutil.pid_exists(busy.info.backend_pid)  # it does not notice
        assert ask(embedded.ensure_running(folder), "select answer from kept") == 42


def test_starts_when_another_process_has_the_number_of_the_killed_one(folder: Path) -> None:
    add_row(embedded.ensure_running(folder))
    pid_file = kill_postmaster(folder)
    with subprocess.Popen(["sleep", "60"], user=pid_file.stat().st_uid) as other:
        for path in (pid_file, folder / "postgres" / "socket" / ".s.PGSQL.5432.lock"):
            _, *lines = path.read_text().splitlines()
            path.write_text("\n".join([str(other.pid), *lines, ""]))
        assert embedded.running_url(folder) is None
        assert embedded.stop(folder) is False
        assert ask(embedded.ensure_running(folder), "select answer from kept") == 42
        assert other.poll() is None
        other.kill()


def test_starts_when_a_power_cut_emptied_the_pid_file(folder: Path) -> None:
    embedded.ensure_running(folder)
    kill_postmaster(folder).write_text("")
    assert ask(embedded.ensure_running(folder), "select 1") == 1


def test_starts_when_the_first_start_was_killed_halfway(folder: Path) -> None:
    starting = start_elsewhere(folder)
    while not list(folder.glob("postgres/data.new-*/base")):
        assert starting.poll() is None
        time.sleep(0.005)
    starting.kill()
    starting.communicate()
    assert not (folder / "postgres" / "data").exists()
    assert ask(embedded.ensure_running(folder), "select 1") == 1
    assert list(folder.glob("postgres/data.new-*")) == []


def test_starts_anew_when_its_folder_was_removed_under_a_running_server(folder: Path) -> None:
    home = folder / "home"
    add_row(embedded.ensure_running(home))
    shutil.rmtree(home)
    assert embedded.running_url(home) is None
    assert ask(embedded.ensure_running(home), "select to_regclass('kept')") is None


def test_starts_again_when_its_socket_was_removed(folder: Path) -> None:
    url = embedded.ensure_running(folder)
    add_row(url)
    for path in (folder / "postgres" / "socket").iterdir():
        path.unlink()
    assert ask(embedded.ensure_running(folder), "select answer from kept") == 42


def test_two_processes_start_it_at_once(folder: Path) -> None:
    both = [start_elsewhere(folder), start_elsewhere(folder)]
    urls = [process.communicate(timeout=30)[0].strip() for process in both]
    assert urls == [embedded.running_url(folder)] * 2
    assert [process.returncode for process in both] == [0, 0]


# A shell starts what it runs in the background with interrupts ignored, the tests perhaps among it.
HEEDS_INTERRUPTS = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"


def test_runs_on_when_its_starter_is_interrupted(folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", f"{HEEDS_INTERRUPTS}; {START}; import time; time.sleep(60)", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as starter:
        assert starter.stdout is not None
        url = starter.stdout.readline().strip()
        os.killpg(starter.pid, signal.SIGINT)
    assert starter.returncode != 0
    assert ask(url, "select 1") == 1


def test_an_error_shows_the_log(folder: Path) -> None:
    embedded.ensure_running(folder)
    embedded.stop(folder)
    with (folder / "postgres" / "data" / "postgresql.conf").open("a") as configuration:
        configuration.write("work_mem = plenty\n")
    with pytest.raises(embedded.EmbeddedServerError, match=r'(?s)pg_ctl.*"work_mem": "plenty".*ANALYTICS_DATABASE_URL'):
        embedded.ensure_running(folder)


def test_data_of_another_version_is_refused(folder: Path) -> None:
    (folder / "postgres" / "data").mkdir(parents=True)
    (folder / "postgres" / "data" / "PG_VERSION").write_text("16\n")
    with pytest.raises(embedded.EmbeddedServerError, match="made by PostgreSQL 16, this is 18"):
        embedded.ensure_running(folder)


@pytest.mark.skipif(not AS_ROOT, reason="only root's server runs as another user")
@pytest.mark.parametrize("private", ["root's home", "somebody's"])
def test_a_place_the_servers_user_cannot_reach_is_refused_and_left_alone(folder: Path, private: str) -> None:
    closed = Path("/root") if private == "root's home" else folder
    mode = closed.stat().st_mode
    if private == "somebody's":
        os.chown(closed, pwd.getpwnam("nobody").pw_uid, -1)
        closed.chmod(mode := 0o40700)
    with pytest.raises(embedded.EmbeddedServerError, match=rf"may not enter {closed} on the way"):
        embedded.ensure_running(closed / "analytics_etl-test" / "home")
    assert closed.stat().st_mode == mode
    assert not (closed / "analytics_etl-test").exists()


@pytest.mark.skipif(not AS_ROOT, reason="only root's server runs as another user")
@pytest.mark.parametrize("below", ["deep/home", "home", "."])
def test_a_private_folder_of_roots_is_named_with_what_to_type_and_left_alone(folder: Path, below: str) -> None:
    home = folder / below
    folder.chmod(0o700)
    with pytest.raises(embedded.EmbeddedServerError, match=f"with chmod o\\+x {folder}, or set ANALYTICS_HOME"):
        embedded.ensure_running(home)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert list(folder.iterdir()) == []
    folder.chmod(0o701)
    assert ask(embedded.ensure_running(home), "select 1") == 1
    assert folder.stat().st_mode & 0o777 == 0o701


def test_what_is_missing_is_made_for_its_user_alone(folder: Path) -> None:
    before = os.umask(0o077)
    try:
        assert ask(embedded.ensure_running(folder / "made" / "home"), "select 1") == 1
    finally:
        os.umask(before)
    mode = 0o711 if AS_ROOT else 0o700  # root's server runs as another user
    for path in ("made", "made/home", "made/home/postgres"):
        assert (folder / path).stat().st_mode & 0o777 == mode
