import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "iom.settings")
application = get_wsgi_application()

from iom.checks import refuse_if_unsound  # noqa: E402 - needs the settings

refuse_if_unsound()
