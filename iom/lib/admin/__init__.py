"""What the admin pages of every floor share. Nothing here knows an app."""

from iom.lib.admin.actions import ask, report, selected_ids
from iom.lib.badges import badge
from iom.lib.admin.base import HouseAdmin, MachineAdmin, ReadOnlyInline, actor_of, pretty_json
from iom.lib.admin.paging import CappedPaginator, KeyChangeList

__all__ = [
    "CappedPaginator", "HouseAdmin", "KeyChangeList", "MachineAdmin", "ReadOnlyInline", "actor_of", "ask", "badge",
    "pretty_json", "report", "selected_ids",
]  # fmt: skip
