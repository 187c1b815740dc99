#!/usr/bin/env python3
"""The one door: `python3 manage.py demo`, `python3 manage.py test`, and every Django command."""

import os
import sys
from pathlib import Path

from iom import bootstrap


def main() -> None:
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    root = Path(__file__).resolve().parent
    bootstrap.ensure(root, dev=command == "test")
    if command == "test":  # its settings are named in pyproject.toml: ours and the example apps of the tests
        import pytest

        os.chdir(root)  # paths of tests are relative to the project, wherever it is called from
        sys.exit(pytest.main(sys.argv[2:]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "iom.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as wrong:
        sys.exit(f"iom: the settings are wrong. {wrong}")


if __name__ == "__main__":
    main()
