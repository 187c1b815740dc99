"""What-ifs: asked for on a strategy's page, kept here to be found again."""

from django.contrib import admin
from django.utils.html import format_html

from fulfillment import what_if_pages
from fulfillment.models import WhatIf
from fulfillment.what_if import words
from iom.lib.admin.base import MachineAdmin
from iom.lib.badges import badge


@admin.register(WhatIf)
class WhatIfAdmin(MachineAdmin):
    list_display = (
        "created_at",
        "page_link",
        "strategy",
        "state_badge",
        "days",
        "orders",
        "actor",
        "finished_at",
    )
    list_select_related = ("strategy",)
    list_filter = ("state", "against")

    @admin.display(description="result")
    def page_link(self, record: WhatIf) -> str:
        said = (
            words.headline(record.against, record.result) if record.result else record.get_against_display()
        )
        link = '<a class="text-primary-600 dark:text-primary-500 underline" href="{}">{}</a>'
        return format_html(link, what_if_pages.address(record), said)

    @admin.display(description="state")
    def state_badge(self, record: WhatIf) -> str:
        return badge(record.state, record.get_state_display())
