"""Addresses of repairs and fixes, for the exceptions inbox and the pages of runs."""

import json
from collections.abc import Mapping
from typing import Any

from django import template
from django.urls import reverse
from django.utils.http import urlencode

from insights.exceptions import Group
from insights.waits import awaited

register = template.Library()
register.filter("awaited", awaited)


@register.simple_tag(takes_context=True)
def repair_url(context, action: str, group: Group) -> str:
    return repair_address(action, group.filter, title=group.title, back=context["request"].get_full_path())


@register.simple_tag
def fix_link(fixes: Mapping[str, Any], cause: str) -> tuple[str, str] | None:
    return fixes.get(cause)


def repair_address(action: str, wanted: Mapping[str, Any], *, title: str, back: str, step: str = "") -> str:
    asked = {"action": action, "filter": json.dumps(wanted), "title": title, "next": back, "step": step}
    return f"{reverse('repair-ask')}?{urlencode(asked)}"
