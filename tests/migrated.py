"""A migrated database, made once for each state of the code and then copied: migrating costs more than many tests do.

SQLite: a file in `var/`; PostgreSQL: a template database on the server that the tests use. Both are kept for the next
session and made anew when anything changed that migrating may run.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from django.conf import settings
from django.core.files import locks
from django.db.backends.base.base import BaseDatabaseWrapper

ROOT = Path(settings.BASE_DIR)
CODE = (
    "iom",
    "inventory",
    "orders",
    "fulfillment",
    "providers",
    "orchestration",
    "insights",
    "tests/warranties",
)
GATE = 727_274_061  # an advisory lock: who makes the template, others wait for it


def start_from_copy(connection: BaseDatabaseWrapper) -> None:
    """Let the test database of a connection begin as a copy; what Django does then finds nothing to migrate."""
    if connection.vendor == "postgresql":
        own = connection.settings_dict
        place = f"{own['HOST'] or '127.0.0.1'}:{own['PORT'] or 5432}"
        own["TEST"]["TEMPLATE"] = postgres_template(f"postgres://{own['USER']}:{own['PASSWORD']}@{place}")
        return
    made, create = sqlite_template(), connection.creation._create_test_db

    def copy(*arguments, **options) -> str:
        name = create(*arguments, **options)
        shutil.copyfile(made, name)
        return name

    connection.creation._create_test_db = copy


def sqlite_template() -> Path:
    """The file to copy from."""
    place = Path(settings.VAR_DIR)
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"migrated-{_digest()}.sqlite3"
    with _alone(place / "migrated.lock"):
        if not path.exists():
            for old in place.glob("migrated-*.sqlite3*"):
                old.unlink()
            draft = path.with_suffix(".draft")
            draft.unlink(missing_ok=True)
            _migrate(f"sqlite:///{draft}")
            draft.replace(path)
    return path


def postgres_template(server: str) -> str:
    """Name of the database to copy from, on a server such as `postgres://iom@127.0.0.1:5432`.

    Each checkout has its own; which state of the code it has is the database's comment.
    """
    name, digest = f"iom_migrated_{zlib.crc32(str(ROOT).encode()):08x}", _digest()
    with psycopg.connect(f"{server}/postgres", autocommit=True) as line:
        line.execute("SELECT pg_advisory_lock(%s)", (GATE,))
        found = line.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", (name,)
        )
        if found.fetchone() != (digest,):
            line.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            line.execute(f"CREATE DATABASE {name}")
            _migrate(f"{server}/{name}")
            line.execute(f"COMMENT ON DATABASE {name} IS '{digest}'")
    return name


def _digest() -> str:
    """Of all that migrating may run: migrations, and what apps write after them."""
    found = hashlib.sha256((ROOT / "requirements.txt").read_bytes())
    for path in sorted(path for app in CODE for path in (ROOT / app).rglob("*.py")):
        found.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:16]


def _migrate(url: str) -> None:
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": settings.SETTINGS_MODULE,
        "NO_BOOTSTRAP": "1",
    }
    environment.pop("PYTEST_XDIST_WORKER", None)
    command = [sys.executable, str(ROOT / "manage.py"), "migrate", "-v0"]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        locks.lock(file, locks.LOCK_EX)
        try:
            yield
        finally:
            locks.unlock(file)
