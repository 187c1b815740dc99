"""F38: a large file is a job of chunks. Stopped, killed or poisoned, it goes on where it was and takes no row twice."""

import os
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from django.conf import settings as house
from django.contrib import admin
from django.db import connection as database
from django.urls import reverse
from django.utils import timezone

from inventory.models import ImportChunk, ImportedFile, Product
from inventory.services import import_jobs, import_tables
from inventory.services.import_jobs import TakenBefore, check, stop, take, work
from orders.models import Order, OrderLine

HEAD = "channel,external_id,placed_at,ship_to_name,ship_to_line1,ship_to_city,ship_to_country,sku,quantity,unit_price"
ROW = "shop,J-{n},2026-11-01T10:00:00Z,Ann,{n} Main St,Reno,US,T-1,{quantity},10.00"


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(import_jobs, "LARGE", 4)
    monkeypatch.setattr(import_tables, "CHUNK_ROWS", 2)
    monkeypatch.setattr(import_tables.chunked, "__defaults__", (2,))


def spec(model=Order):
    return admin.site._registry[model].table


def table(count=8, bad=(), twice=()):
    """Orders of one line each; `bad` ones have no quantity, `twice` a second line far below."""
    lines = [ROW.format(n=n, quantity="many" if n in bad else 1) for n in range(count)]
    return "\n".join([HEAD, *lines, *(ROW.format(n=n, quantity=2) for n in twice)]).encode()


def checked(content, **more):
    file = check(spec(), content, name="orders.csv", actor="user:ann")
    assert file.state == "checking"
    work()
    file.refresh_from_db()
    return file


def taken(file, mode="good", again=False):
    take(spec(), file, mode=mode, again=again, actor="user:ann")
    work()
    file.refresh_from_db()
    return file


@pytest.mark.django_db(transaction=True)
def test_a_large_file_is_checked_and_taken_by_workers(world):
    file = checked(table(bad=(3,), twice=(0,)))
    assert (file.state, file.report["taken"], Order.objects.count()) == ("checked", 8, 0)
    assert [line for line, _, _ in file.report["failed"]] == [5]

    done = taken(file)

    assert (done.state, done.report["taken"], done.report["same"]) == ("done", 8, 0)
    assert (Order.objects.count(), OrderLine.objects.filter(order__external_id="J-0").count()) == (7, 2)
    assert (done.content, ImportChunk.objects.count(), work()) == (None, 0, 0)
    again = checked(table(bad=(3,), twice=(0,)))
    with pytest.raises(TakenBefore, match=r"already imported on .*, by ann"):
        take(spec(), again, mode="good", again=False, actor="user:bob")


@pytest.mark.django_db(transaction=True)
def test_all_or_nothing_is_not_begun_when_the_check_found_a_bad_row(world):
    done = taken(checked(table(bad=(7,))), mode="all")
    assert (done.state, Order.objects.count()) == ("failed", 0)


@pytest.mark.django_db(transaction=True)
def test_all_or_nothing_ends_where_a_row_went_bad_since_the_check(world):
    file = checked(table())
    take(spec(), file, mode="all", again=False, actor="user:ann")
    import_jobs._work_on(import_jobs._claim_chunk())
    Product.objects.update(active=False)
    work()
    file.refresh_from_db()
    assert (file.state, Order.objects.count()) == ("stopped", 2)
    assert "not any more" in file.report["failed"][0][2]


@pytest.mark.django_db(transaction=True)
def test_a_job_can_be_stopped_and_the_file_sent_again_goes_on_with_the_rest(world, browse):
    file = checked(table())
    take(spec(), file, mode="good", again=False, actor="user:ann")
    import_jobs._work_on(import_jobs._claim_chunk())
    client = browse()
    page = client.get(reverse("admin:orders_order_imported", args=[file.pk]))
    assert "2 of 8 rows" in page.content.decode() and page["Refresh"] == "2"

    client.post(reverse("admin:orders_order_imported_stop", args=[file.pk]))
    assert work() == 0

    file.refresh_from_db()
    assert (file.state, file.report["taken"], Order.objects.count()) == ("stopped", 2, 2)
    assert not stop(file.pk)
    done = taken(checked(table()))
    assert (done.report["taken"], done.report["same"], Order.objects.count()) == (6, 2, 8)


def dies(point: str) -> None:
    own = database.settings_dict
    url = (
        f"sqlite:///{own['NAME']}" if database.vendor == "sqlite"
        else f"postgres://{own['USER']}:{own['PASSWORD']}@{own['HOST'] or '127.0.0.1'}:{own['PORT'] or 5432}/{own['NAME']}"
    )  # fmt: skip
    script = "import django; django.setup(); from inventory.services import import_jobs as j; j.work()"
    environment = {
        **os.environ, "DATABASE_URL": url, "IOM_KILLPOINT": point, "IOM_ON_EVENTS": "", "NO_BOOTSTRAP": "1",
        "DJANGO_SETTINGS_MODULE": "iom.settings", "PYTHONPATH": str(house.BASE_DIR),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=house.BASE_DIR, capture_output=True, timeout=120
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()[-2000:]


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("nth", [1, 3])
def test_a_killed_worker_leaves_no_row_twice_and_none_out(world, nth):
    file = checked(table())
    take(spec(), file, mode="good", again=False, actor="user:ann")
    dies(f"import_before_commit:{nth}")
    assert Order.objects.count() == 2 * (nth - 1)
    left = ImportChunk.objects.get(number=nth - 1)
    assert (left.done, left.attempts) == (False, 1)
    assert work() == 8 - 2 * nth, "what the dead one held is left until its lease is over"
    ImportChunk.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert work() == 2

    file.refresh_from_db()
    # Had rows and mark not been one transaction, the second look would find them there: same would not be 0.
    assert (file.state, file.report["taken"], file.report["same"]) == ("done", 8, 0)
    assert Order.objects.count() == 8


@pytest.mark.django_db(transaction=True)
def test_rows_without_their_mark_are_seen_as_there_already(world):
    """The control of the test above: a chunk that was taken, its mark lost."""
    file = checked(table())
    take(spec(), file, mode="good", again=False, actor="user:ann")
    import_jobs._work_on(import_jobs._claim_chunk())
    ImportChunk.objects.update(done=False)
    work()
    file.refresh_from_db()
    assert (file.report["taken"], file.report["same"], Order.objects.count()) == (6, 2, 8)


@pytest.mark.django_db(transaction=True)
def test_a_part_that_kills_each_worker_is_reported_and_the_rest_taken(world):
    file = checked(table())
    take(spec(), file, mode="good", again=False, actor="user:ann")
    ImportChunk.objects.filter(number=1).update(attempts=import_jobs.MOST_ATTEMPTS)
    work()
    file.refresh_from_db()
    assert (file.state, file.report["taken"], len(file.report["failed"])) == ("done", 6, 2)
    assert "died" in file.report["failed"][0][2]


@pytest.mark.django_db(transaction=True)
def test_one_row_that_breaks_the_importer_is_refused_alone(world, monkeypatch):
    kept = spec().take

    def breaks(groups, report, *, actor):
        if any(row.values["external_id"] == "J-5" for group in groups for row in group):
            raise ZeroDivisionError
        kept(groups, report, actor=actor)

    file = checked(table())
    monkeypatch.setattr(import_tables, "_specs", {"orders": type("S", (), {"take": staticmethod(breaks)})})
    take(spec(), file, mode="good", again=False, actor="user:ann")
    work()
    assert ImportedFile.objects.get(pk=file.pk).report["failed"][0][2].startswith("This row cannot be taken")
    assert Order.objects.count() == 7


def test_a_process_without_pages_knows_every_table():
    """What lists of the admin offer is registered by the apps, and a worker loads no app's admin for it."""
    script = (
        "import sys, django; django.setup()\n"
        "from inventory.services import import_tables\n"
        "apps = ('inventory', 'orders', 'fulfillment', 'providers', 'orchestration', 'insights')\n"
        "print([name for name in sys.modules if name.startswith(tuple(f'{app}.admin' for app in apps))])\n"
        "print(*sorted(import_tables._specs))\n"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "iom.settings", "PYTHONPATH": str(house.BASE_DIR)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=house.BASE_DIR, capture_output=True, text=True
    )
    admin.autodiscover()
    pages, kinds = done.stdout.splitlines()
    offered = {page.table.kind for page in admin.site._registry.values() if hasattr(page, "table")}
    assert (pages, set(kinds.split())) == ("[]", offered)
