"""Settings, all from the environment; every default is safe for a first look on one machine.

Apps are named by dotted path only: nothing under `iom/` imports an app.
"""

import sys
from pathlib import Path

import environ
from django.templatetags.static import static

from iom.lib import environment, local_secrets, logs

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
VAR_DIR = Path(env("IOM_VAR_DIR", default=str(BASE_DIR / "var")))
TESTING = "pytest" in sys.modules

DEBUG = environment.flag("DEBUG")
ENVIRONMENT = environment.one_of(
    "IOM_ENVIRONMENT", allowed=("demo", "test", "live"), default="demo"
)  # on every page
SECRET_KEY = env("SECRET_KEY", default="") or local_secrets.read_or_make(VAR_DIR / "secret_key", size=48)
# Newest first; secrets written under an older key stay readable until they are saved again.
FIELD_KEYS = env.list("IOM_FIELD_KEYS", default=[]) or [local_secrets.read_or_make(VAR_DIR / "field_key")]
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]", "testserver"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.import_export",
    "django.contrib.admin.apps.SimpleAdminConfig",  # its pages are loaded by iom/urls.py: workers have no use for them
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_fsm",
    "django_q",
    "import_export",
    "axes",
    "inventory",
    "orders",
    "fulfillment",
    "providers",
    "orchestration",
    "insights",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "iom.lib.logs.RequestIdMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
    "iom.lib.texts.NoNulMiddleware",
]
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AXES_FAILURE_LIMIT = 10
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_COOLOFF_TIME = 0.25  # hours
AXES_ENABLED = not TESTING
AXES_VERBOSE = False
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

ROOT_URLCONF = "iom.urls"
WSGI_APPLICATION = "iom.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# -- database ---------------------------------------------------------------------------------------------------
(VAR_DIR / "static").mkdir(parents=True, exist_ok=True)
environment.check_database_url()
DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'iom.sqlite3'}")}
_database = DATABASES["default"]
if _database["ENGINE"].endswith("sqlite3"):
    # IMMEDIATE: a deferred transaction that reads first cannot become a writer and fails at once under load.
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
    }
    _database["TEST"] = {"NAME": str(VAR_DIR / f"test-{env('PYTEST_XDIST_WORKER', default='main')}.sqlite3")}
else:
    _database["CONN_MAX_AGE"] = environment.whole("CONN_MAX_AGE", default=60)
    _database["CONN_HEALTH_CHECKS"] = True
    _database.setdefault("OPTIONS", {})["options"] = (
        f"-c statement_timeout={environment.whole('IOM_STATEMENT_TIMEOUT_MS', default=60_000)}"
        " -c lock_timeout=5000 -c idle_in_transaction_session_timeout=60000"
    )
PREPARED_STATEMENTS = environment.flag("IOM_PREPARED_STATEMENTS", default=True)  # see iom/lib/prepared.py
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# -- time, language ---------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = USE_TZ = True
FORMAT_MODULE_PATH = ["iom.formats"]

# -- static files: everything from here, nothing from a CDN -----------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "iom.lib.plotly_static.PlotlyFinder",
]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

# -- security ---------------------------------------------------------------------------------------------------
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
_https = environment.flag("IOM_HTTPS")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = _https
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _https else None
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "home"

# -- API --------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "orders.api.authentication.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["orders.api.permissions.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["iom.lib.api.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["iom.lib.api.parsers.StrictJSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "iom.lib.api.paging.KeyPagination",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "iom.lib.api.problems.exception_handler",
    "PAGE_SIZE": 50,
    "UNAUTHENTICATED_USER": None,
    "COERCE_DECIMAL_TO_STRING": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "IOM API",
    "DESCRIPTION": "Orders in, fulfillment and events out. Errors are problem+json with code, field and sentence.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "HoldType": "orders.models.Hold.Type",
        "SourceType": "inventory.models.FulfillmentSource.Type",
    },
}

# -- queue: a doorbell, never the truth -------------------------------------------------------------------------
Q_CLUSTER = {
    "name": "iom",
    "orm": "default",
    "broker_class": "iom.lib.queue.Bells",
    "workers": environment.whole("IOM_WORKERS", default=4, least=1, most=64),
    "queue_limit": environment.whole("IOM_WORKERS", default=4),  # what waits locally outlives its lock
    "bulk": 1,
    "poll": 0.2,
    "timeout": 20,
    "retry": 90,
    "max_attempts": 1,  # our own rows retry; the queue must not
    "ack_failures": True,
    "save_limit": 50,
    "catch_up": False,
    "max_rss": 300_000,
    "label": "Background jobs",
}

# -- the house: which floor listens to which ---------------------------------------------------------------------
IOM = {
    # A lower floor that has news rings here, inside its transaction; it never knows who listens.
    "ON_EVENTS": env.list(
        "IOM_ON_EVENTS",
        default=[
            "orchestration.listeners.on_events",
            "providers.listeners.on_events",
            "insights.listeners.on_events",
        ],
    ),
    # Kinds of rows that all orders share, in the one order in which they are locked: see `iom.lib.lock_order`. Before them come
    # claimed messages and requests, then orders, then flow runs under their orders.
    "LOCK_ORDER": [
        "orchestration.batches",
        "fulfillment.list_days",
        "fulfillment.source_days",
        "inventory.positions",
        "providers.gates",
    ],
    # Which fulfillment methods intake refuses, asked upward: see `orders.services.references`.
    "METHOD_RULES": "fulfillment.methods.refusals",
    # The only functions that a bell may name: kind -> dotted path of a task.
    "BELLS": {
        "inbox": "providers.tasks.work_inbox",
        "deliver": "providers.tasks.deliver",
        "advance": "orchestration.tasks.advance",
        "sweep": "orchestration.tasks.sweep",
        "repair": "orchestration.tasks.repair",
        "batch": "orchestration.tasks.plan_batches",
        "replan": "fulfillment.tasks.replan",
        "import": "inventory.tasks.work_imports",
        "what_if": "orchestration.tasks.try_what_ifs",
        "pull": "providers.tasks.pull",
        "tidy": "insights.tasks.tidy",
    },
    # Seconds for tasks that may take longer than the queue's own limit; while they are at work they say so.
    "LONG_TASKS": {"batch": 1800, "what_if": 1800},
    # Where answers to requests with an Idempotency-Key are kept.
    "IDEMPOTENT_REQUESTS": "orders.IdempotentRequest",
    # Counts the dashboard's figures anew, for orders that came without events.
    "REBUILD_COUNTERS": "insights.services.recount.rebuild",
    # Addresses on this machine or in private networks that providers may call; from the environment only.
    "ALLOWED_PRIVATE_HOSTS": env.list("IOM_ALLOWED_PRIVATE_HOSTS", default=[]),
    "PUBLIC_URL": env("IOM_PUBLIC_URL", default="http://127.0.0.1:8000"),
}

LOGGING_CONFIG = None
logs.configure(
    json=environment.flag("IOM_LOG_JSON", default=not sys.stderr.isatty()),
    level=environment.one_of("IOM_LOG_LEVEL", allowed=logs.LEVELS, default="INFO"),
)

UNFOLD = {
    "SITE_TITLE": "IOM",
    "SITE_HEADER": "IOM",
    "SITE_SUBHEADER": "Order management",
    "SITE_SYMBOL": "conveyor_belt",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("iom/icon.svg")}
    ],
    "SITE_URL": "/",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "ENVIRONMENT": "insights.navigation.environment_badge",
    "COMMAND": {"search_models": False, "show_history": False},
    "SIDEBAR": {
        "show_search": True,
        "show_all_applications": False,
        "navigation": "insights.navigation.sidebar",
    },
    "COLORS": {
        "primary": {
            "50": "239 246 255",
            "100": "219 234 254",
            "200": "191 219 254",
            "300": "147 197 253",
            "400": "96 165 250",
            "500": "59 130 246",
            "600": "37 99 235",
            "700": "29 78 216",
            "800": "30 64 175",
            "900": "30 58 138",
            "950": "23 37 84",
        }
    },
}
