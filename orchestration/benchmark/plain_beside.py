"""Our addresses with the floors' beside them, so that both are asked in turn.

Changing the addresses between two requests would have the next one build all of ours anew: some 200 ms in which the page
does nothing.
"""

from iom import urls
from orchestration.benchmark import plain

urlpatterns = [*plain.urlpatterns[:1], *urls.urlpatterns]
