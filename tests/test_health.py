import pytest
from django.db import DatabaseError
from django.db.backends.utils import CursorWrapper


@pytest.mark.django_db
def test_ready_when_the_database_answers_and_is_migrated(client):
    assert client.get("/health/live").json() == {"status": "ok"}
    assert client.get("/health/ready").json() == {
        "status": "ok",
        "checks": {"database": "ok", "migrations": "ok"},
    }


@pytest.mark.django_db
def test_not_ready_while_the_database_is_away(client, monkeypatch):
    def away(self, *args, **kwargs):
        raise DatabaseError("away")

    monkeypatch.setattr(CursorWrapper, "execute", away)
    answer = client.get("/health/ready")

    assert answer.status_code == 503
    assert answer.json()["checks"]["database"] == "failed"
