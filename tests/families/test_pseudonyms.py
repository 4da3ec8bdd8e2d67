"""What stands for a user in reports, answers and the API."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from analytics_etl.config.settings import Settings, SettingsError
from analytics_etl.families.pseudonyms import KEY_FILE, Pseudonyms
from analytics_etl.families.queries import Page, services
from analytics_etl.pipeline.reports import _without_users
from analytics_etl.postgres.database import Database

KEY = "a-key-of-the-tests"


def test_a_pseudonym_is_what_openssl_makes_of_key_and_user() -> None:
    # printf 'zo\xc3\xab' | openssl dgst -sha256 -hmac a-key-of-the-tests
    assert Pseudonyms(KEY)("zo\u00eb") == "user-dcf47a44671f"


def test_reports_and_answers_have_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The API gives the answers, whose function it calls."""
    settings = Settings(home=tmp_path)
    [row] = _without_users(Database(settings), [{"user_id": "ann", "event_count": 2}])

    def rows(*_: Any) -> Page:
        return Page([{"day": date(2025, 3, 31), "service_id": "play", "rank": 1, "user_id": "ann"}])

    monkeypatch.setattr(services, "ask_days", rows)
    [answer] = services.top_users(Database(settings), date(2025, 3, 31), date(2025, 3, 31)).rows
    assert row == {"user_hash": answer["user_id"], "event_count": 2}


def test_the_key_of_a_home_is_made_once_and_for_its_user_alone(tmp_path: Path) -> None:
    found: list[str] = []
    threads = [
        Thread(target=lambda: found.append(Pseudonyms.of(Database(Settings(home=tmp_path)))("ann"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(found), len(set(found))] == [8, 1]
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    other = Settings(home=tmp_path / "other")
    assert Pseudonyms.of(Database(other))("ann") != found[0], "another home has another key"


def test_the_key_of_the_settings_counts_and_is_a_secret(tmp_path: Path) -> None:
    settings = replace(Settings(home=tmp_path), pseudonym_key=KEY)
    assert Pseudonyms.of(Database(settings))("ann") == Pseudonyms(KEY)("ann")
    assert list(tmp_path.iterdir()) == []
    assert settings.secrets == [KEY]
    assert KEY not in repr(settings)
    with pytest.raises(SettingsError, match="ANALYTICS_PSEUDONYM_KEY must be 16 characters or more") as refused:
        Settings.from_environment({"ANALYTICS_PSEUDONYM_KEY": "short-secret"})
    assert "short-secret" not in str(refused.value)
