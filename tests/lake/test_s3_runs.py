"""Runs of Dagster with a lake on S3, in a process of their own: what they say, and that the credentials are nowhere."""

import os
import subprocess
import sys

from commands import variables
from events import DAY, FILE, ask, download, write
from s3_servers import KEY_ID, SECRET, S3Server

from analytics_etl.config.settings import CHECKOUT, Settings

pytest_plugins = ["s3_fixtures"]


def run(settings: Settings) -> tuple[int, str]:
    """Exit code and output of `run` of a day."""
    command = [sys.executable, "-m", "analytics_etl.cli", "run", str(DAY), "--family", "registry"]
    environment = {**os.environ, **variables(settings), "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def everything_in(url: str | None) -> str:
    """All rows of all tables as text, those of Dagster and of the books too."""
    names = ask(
        url, "select schemaname || '.' || tablename as name from pg_tables where schemaname !~ '^(pg_|information_)'"
    )
    return "\n".join(
        row["text"] for name in names for row in ask(url, f"select t::text as text from {name['name']} as t")
    )


def test_a_run_that_is_refused_says_why_the_next_one_ends_and_no_credentials_are_kept(
    on_s3: Settings, s3: S3Server
) -> None:
    write(on_s3, FILE, [download(n) for n in range(100)])
    s3.plan = lambda _, method, __: "denied" if method == "PUT" else None
    code, refused = run(on_s3)
    assert code == 1
    assert f"{s3.endpoint} refused PutObject (AccessDenied): give the credentials of the environment the right" in (
        " ".join(refused.split())
    )
    assert "Traceback" not in refused
    assert ask(on_s3.database_url, "select * from ops.lake_files") == []
    s3.plan = lambda *_: None
    code, ended = run(on_s3)
    assert code == 0, ended
    assert len(s3.keys()) > 5
    known = everything_in(on_s3.database_url)
    assert "AccessDenied" in known, "what is looked through has the errors"
    files = "\n".join(
        path.read_text(encoding="utf-8", errors="replace")
        for folder in (on_s3.home, on_s3.reports_dir)
        for path in folder.rglob("*")
        if path.is_file()
    )
    for text in (refused, ended, known, files):
        assert KEY_ID not in text
        assert SECRET not in text
