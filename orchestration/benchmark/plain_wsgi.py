"""The floors of answers behind a web server: our middleware, no view of ours."""

from django.conf import settings

from iom.wsgi import application

settings.ROOT_URLCONF = "orchestration.benchmark.plain"

__all__ = ["application"]
