"""A wrong setting is told by its name before anything starts, and a live site refuses what suits a first look only."""

import os
import subprocess
import sys
from importlib import import_module

import pytest
from django.core.checks import Error
from django.core.exceptions import ImproperlyConfigured

from iom import checks
from iom.lib import environment


@pytest.mark.parametrize("text, value", [("1", True), ("Yes", True), ("off", False), ("", False)])
def test_a_flag_is_a_yes_or_a_no(monkeypatch, text, value):
    monkeypatch.setenv("DEBUG", text)

    assert environment.flag("DEBUG") is value


@pytest.mark.parametrize(
    "name, text, read",
    [
        ("DEBUG", "maybe", environment.flag),
        ("IOM_WORKERS", "many", lambda name: environment.whole(name, default=1)),
        ("IOM_WORKERS", "0", lambda name: environment.whole(name, default=1, least=1)),
        (
            "IOM_ENVIRONMENT",
            "prod",
            lambda name: environment.one_of(name, allowed=("demo", "live"), default="demo"),
        ),
        ("DATABASE_URL", "nonsense", lambda name: environment.check_database_url()),
        ("DATABASE_URL", "mysql://u:hidden@host/db", lambda name: environment.check_database_url()),
        ("DATABASE_URL", "postgres://u:hidden@host", lambda name: environment.check_database_url()),
    ],
)
def test_a_wrong_value_is_refused_by_name_and_tells_no_password(monkeypatch, name, text, read):
    monkeypatch.setenv(name, text)

    with pytest.raises(ImproperlyConfigured, match=name) as refused:
        read(name)

    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize("url", ["", "postgres://u:p@host:5432/db", "sqlite:////tmp/x.sqlite3"])
def test_addresses_of_databases(monkeypatch, url):
    monkeypatch.setenv("DATABASE_URL", url)

    environment.check_database_url()


def errors():
    return {found.id for found in checks.settings_are_sound() if isinstance(found, Error)}


def test_a_first_look_has_nothing_to_set(settings):
    settings.ENVIRONMENT = "demo"

    assert errors() == set()


def test_a_live_site_needs_keys_of_its_own_and_no_debug(settings, monkeypatch):
    settings.ENVIRONMENT, settings.DEBUG = "live", True
    monkeypatch.delenv("SECRET_KEY", raising=False)
    monkeypatch.delenv("IOM_FIELD_KEYS", raising=False)
    assert errors() == {"iom.E003", "iom.E004", "iom.E005"}

    settings.DEBUG = False
    monkeypatch.setenv("SECRET_KEY", "s" * 50)
    monkeypatch.setenv("IOM_FIELD_KEYS", settings.FIELD_KEYS[0])
    assert errors() == set()


def test_a_key_that_cannot_seal_and_an_address_that_is_none(settings):
    settings.FIELD_KEYS = ["short"]
    settings.IOM = {**settings.IOM, "PUBLIC_URL": "orders"}

    assert errors() == {"iom.E001", "iom.E002"}


def test_a_web_process_refuses_too(settings):
    settings.FIELD_KEYS = ["short"]

    with pytest.raises(ImproperlyConfigured, match="IOM_FIELD_KEYS"):
        checks.refuse_if_unsound()


def test_the_command_line_says_one_sentence(tmp_path):
    environment = {
        **os.environ,
        "DATABASE_URL": "nonsense",
        "IOM_VAR_DIR": str(tmp_path),
        "NO_BOOTSTRAP": "1",
    }
    ended = subprocess.run(
        [sys.executable, "manage.py", "check"], capture_output=True, text=True, env=environment, check=False
    )

    assert ended.returncode != 0
    assert ended.stderr.startswith("iom: the settings are wrong. DATABASE_URL must look like")
    assert "Traceback" not in ended.stderr


def test_every_kind_of_shared_rows_has_one_place_in_the_order_of_locks(settings):
    floors = ("inventory", "fulfillment", "providers", "orchestration")
    names = [
        name
        for floor in floors
        for constant, name in vars(import_module(f"{floor}.locks")).items()
        if constant.isupper()
    ]
    assert sorted(settings.IOM["LOCK_ORDER"]) == sorted(names)
