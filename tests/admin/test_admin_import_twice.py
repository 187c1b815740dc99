"""B24, B25: the same file from two people at once, and names that want to be paths."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from inventory.importing import TakenBefore, check, take
from inventory.models import ImportedFile, Product

FILE = b"sku,name,price\nT-7,Tent,10\nT-8,Pole,2\n"


def _table():
    from django.contrib import admin

    return admin.site._registry[Product].table


@pytest.mark.postgres
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_two_people_take_the_same_file_at_once_and_one_is_told():
    spec, together = _table(), threading.Barrier(4)
    files = [check(spec, FILE, name="a.csv", actor=f"user:{n}") for n in range(4)]

    def run(file):
        together.wait(timeout=10)
        try:
            return take(spec, file, mode="all", again=False, actor="user:a").state
        except TakenBefore as refused:
            return str(refused)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(run, files))

    assert sum("already imported on" in answer for answer in answers) == 3, answers
    assert Product.objects.count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["../../etc/passwd", "x" * 300 + ".csv", "a\0b.csv", "", "\u202etxt.exe"])
def test_a_name_is_kept_as_text_and_never_a_path(name):
    file = check(_table(), FILE, name=name, actor="user:a")

    kept = ImportedFile.objects.get(
        pk=file.pk
    ).name  # a text beside the content in the database: no file has it
    assert len(kept) <= 100 and "\0" not in kept
