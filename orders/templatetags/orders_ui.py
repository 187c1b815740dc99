"""How records look on every page: states as badges, times as distance, money with its currency."""

from datetime import datetime, timedelta

from django import template
from django.conf import settings
from django.db.models import Model
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from iom.lib import money as amounts
from iom.lib.badges import badge
from iom.lib.once import FIELD, new_token
from iom.lib.words import entity_of

register = template.Library()
STEPS = ((60, 1, "s"), (3600, 60, "min"), (2 * 86_400, 3600, "h"), (float("inf"), 86_400, "d"))


@register.simple_tag(takes_context=True)
def state_badge(context, record: Model) -> SafeString:
    """The state of a record in words; `state_labels` in the context brings the labels of states that people made."""
    labels = context.get("state_labels") or {}
    known = dict(type(record).State.choices)
    label = labels.get((entity_of(type(record)), record.state)) or known.get(record.state, "")
    return badge(record.state, label)


@register.simple_tag
def word_badge(state: str, label: str = "", tone: str | None = None) -> SafeString:
    return badge(state, label, tone=tone)


@register.filter
def money(minor: int | None, currency: str) -> str:
    return "–" if minor is None else amounts.formatted(minor, currency)


@register.filter
def amount(minor: int, currency: str) -> str:
    """Without the currency, for columns that name it in their head."""
    return amounts.formatted(minor, currency).removesuffix(f" {currency}")


@register.filter
def signed_amount(minor: int, currency: str) -> str:
    """A difference: `+12.50`, `−0.80`, or a dash where there is none."""
    return f"{'+' if minor > 0 else '−'}{amount(abs(minor), currency)}" if minor else "–"


@register.filter
def signed(number: float) -> str:
    """A difference of counts, whole: `+1,240`, `−31`, or a dash."""
    whole = round(number)
    return f"{'+' if whole > 0 else '−'}{abs(whole):,}" if whole else "–"


@register.filter
def actor(text: str) -> str:
    """`flow:order-to-invoice` as people say it: flow order to invoice; a person is a name alone."""
    kind, _, name = (text or "system").partition(":")
    if kind == "user":
        return name
    if kind == "api":
        return f"API key {name}"
    return f"{kind} {name.replace('-', ' ')}".strip()


@register.filter
def duration(value: timedelta | float | None) -> str:
    """`45 s`, `12 min`, `3 h`, `4 d`: one unit, rounded down."""
    if value is None:
        return ""
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    size, word = next((size, word) for limit, size, word in STEPS if abs(seconds) < limit)
    return f"{int(abs(seconds) // size)} {word}"


@register.filter
def ago(at: datetime | None) -> SafeString | str:
    """Distance from now, with the exact time on hover and for machines."""
    if at is None:
        return "–"
    distance = timezone.now() - at
    words = f"{duration(distance)} ago" if distance >= timedelta(0) else f"in {duration(distance)}"
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), exactly(at), words)


@register.filter
def moment(at: datetime | None) -> SafeString | str:
    """`21 Nov 14:02`, the exact time on hover."""
    if at is None:
        return "–"
    local = timezone.localtime(at)
    words = f"{local.day} {local:%b %H:%M}"
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), exactly(at), words)


def exactly(at: datetime) -> str:
    local = timezone.localtime(at)
    return f"{local.day} {local:%b %Y %H:%M:%S} {settings.TIME_ZONE}"


@register.simple_tag
def once_field() -> SafeString:
    """The hidden one-time token of a form that acts."""
    return format_html('<input type="hidden" name="{}" value="{}">', FIELD, new_token())
