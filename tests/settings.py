"""The settings that tests run with: ours, and an app as an installation might add one."""

from iom.settings import *  # noqa: F403
from iom.settings import INSTALLED_APPS as OURS

INSTALLED_APPS = [*OURS, "tests.warranties.apps.WarrantiesConfig"]

# Nothing that tests ask about, and together nearly half of what they cost: slow hashes for each user that one makes, and
# a walk through all static files for each client.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
WHITENOISE_AUTOREFRESH = True
if "sqlite" in DATABASES["default"]["ENGINE"]:  # noqa: F405  a test database need not survive the machine
    DATABASES["default"]["OPTIONS"]["init_command"] += " PRAGMA synchronous=OFF;"  # noqa: F405
