"""A state as a word on a colored ground; the word says it, the color only helps."""

from django.utils.html import format_html
from django.utils.safestring import SafeString

# The theme's own classes, so that light and dark both fit.
_TONES = {
    "info": "bg-blue-100 text-blue-700 dark:bg-blue-500/20 dark:text-blue-400",
    "danger": "bg-red-100 text-red-700 dark:bg-red-500/20 dark:text-red-400",
    "warning": "bg-orange-100 text-orange-700 dark:bg-orange-500/20 dark:text-orange-400",
    "success": "bg-green-100 text-green-700 dark:bg-green-500/20 dark:text-green-400",
    "": "bg-base-500/8 text-base-700 dark:bg-base-500/20 dark:text-base-200",
}
_SHAPE = (
    "inline-block font-semibold rounded-default text-[11px] uppercase whitespace-nowrap h-6 leading-6 px-2"
)

TONE_OF = {
    "new": "info", "in_progress": "info", "sent": "info", "accepted": "info", "picking": "info", "packed": "info",
    "ready": "info", "sending": "info", "waiting": "info", "active": "info", "requested": "info",
    "on_hold": "warning", "paused": "warning", "parked": "warning", "unknown": "warning", "joining": "warning",
    "degraded": "warning", "partly": "warning",
    "rejected": "danger", "failed": "danger", "failure": "danger", "attention": "danger", "down": "danger",
    "misconfigured": "danger", "not_sourced": "danger",
    "shipped": "success", "delivered": "success", "completed": "success", "invoiced": "success", "done": "success",
    "published": "success", "ok": "success", "success": "success", "sourced": "success", "consumed": "success",
    "fulfillment": "info",
}  # fmt: skip


def badge(state: str, label: str = "", *, tone: str | None = None) -> SafeString:
    """The badge of a state; `label` defaults to the state in words."""
    colors = _TONES[TONE_OF.get(state, "") if tone is None else tone]
    return format_html('<span class="{} {}">{}</span>', _SHAPE, colors, label or state.replace("_", " "))
