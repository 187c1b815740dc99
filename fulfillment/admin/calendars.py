"""Working calendars, their hours and their holidays as files; single ones are edited on the calendar's page."""

from django.contrib import admin

from fulfillment import setup_tables
from inventory.admin.calendars import WorkingCalendarAdmin
from inventory.importing import ImportExport
from inventory.models import CalendarDay, WorkingCalendar, WorkingHours
from iom.lib.admin.base import HouseAdmin

admin.site.unregister(WorkingCalendar)


@admin.register(WorkingCalendar)
class CalendarAdmin(ImportExport, WorkingCalendarAdmin):
    table = setup_tables.CALENDARS.spec()
    import_needs = ("add", "change")


class CalendarTableAdmin(ImportExport, HouseAdmin):
    import_needs = ("add", "change")
    list_select_related = ("calendar",)
    search_fields = ("calendar__code__exact",)
    autocomplete_fields = ("calendar",)


@admin.register(WorkingHours)
class WorkingHoursAdmin(CalendarTableAdmin):
    table = setup_tables.HOURS.spec()
    list_display = ("calendar", "weekday", "opens_at", "closes_at")
    list_filter = ("weekday",)


@admin.register(CalendarDay)
class CalendarDayAdmin(CalendarTableAdmin):
    table = setup_tables.HOLIDAYS.spec()
    list_display = ("calendar", "date", "name", "opens_at", "closes_at")
    search_fields = ("calendar__code__exact", "name__icontains")
