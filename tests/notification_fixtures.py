"""Fixtures of the tests of notifications: a test module names this file as a plugin to have them."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Server, settings_in
from events import restored_environment
from notification_servers import Mailbox, free_port, http_server, mail_server
from notification_world import OPS, World

from analytics_etl.orchestration import instance as dagster_instance


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    found = Mailbox(free_port())
    with mail_server(found):
        yield found


@pytest.fixture
def world(server: Server, tmp_path: Path, mailbox: Mailbox) -> Iterator[World]:
    url = server.clone()
    mailbox.mails.clear()
    mailbox.refused.clear()
    mailbox.answer = "250 OK"
    with restored_environment(), http_server() as hook:
        for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
            del os.environ[name]
        settings = replace(
            settings_in(tmp_path, url), smtp_url=mailbox.url, notify_email=((OPS, "a@x.org"),),
            notify_sender="etl@x.org", notify_webhook=hook.url,
        )  # fmt: skip
        with dagster_instance.instance(settings) as instance:
            yield World(settings, instance, mailbox, hook)
    server.drop(url)
