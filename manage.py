#!/usr/bin/env python3
"""The one door: `python3 manage.py demo`, `python3 manage.py test`, and every Django command."""

import os
import sys
from pathlib import Path

from iom import bootstrap


def main() -> None:
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    bootstrap.ensure(Path(__file__).resolve().parent, dev=command == "test")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "iom.settings")
    if command == "test":
        import pytest

        sys.exit(pytest.main(sys.argv[2:]))
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
