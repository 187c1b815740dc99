"""The settings that tests run with: ours, and an app as an installation might add one."""

from iom.settings import *  # noqa: F403
from iom.settings import INSTALLED_APPS as OURS

INSTALLED_APPS = [*OURS, "tests.warranties.apps.WarrantiesConfig"]
