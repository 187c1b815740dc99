import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "iom.settings")
application = get_wsgi_application()

from iom.checks import refuse_if_unsound  # noqa: E402 - needs the settings
from iom.lib import environment  # noqa: E402
from iom.lib.bodies import Timed  # noqa: E402

application = Timed(application, seconds=environment.whole("IOM_BODY_SECONDS", default=20, least=1, most=600))
refuse_if_unsound()
_ = get_resolver().url_patterns  # every page is loaded now, not in the time of a first request
