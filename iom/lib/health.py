"""For load balancers and supervisors: is the process alive, and may it be sent work. No versions, no secrets."""

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

_migrated = False


@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """200 while the process answers."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 when the database answers and has every migration; 503 with the check that failed."""
    checks = {"database": _database_answers()}
    checks["migrations"] = checks["database"] and _is_migrated()
    good = all(checks.values())
    words = {name: "ok" if fine else "failed" for name, fine in checks.items()}
    return JsonResponse(
        {"status": "ok" if good else "unavailable", "checks": words}, status=200 if good else 503
    )


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return True
    except DatabaseError:
        return False


def _is_migrated() -> bool:
    """Looked up until it is true; it does not become false again under a running process."""
    global _migrated
    if not _migrated:
        executor = MigrationExecutor(connection)
        _migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _migrated
