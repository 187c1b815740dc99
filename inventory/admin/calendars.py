"""Working calendars, with their hours and their own days."""

from django.contrib import admin
from unfold.admin import TabularInline

from inventory.models import CalendarDay, WorkingCalendar, WorkingHours
from iom.lib.admin.base import HouseAdmin


class WorkingHoursInline(TabularInline):
    model = WorkingHours
    extra = 0
    ordering = ("weekday", "opens_at")


class CalendarDayInline(TabularInline):
    model = CalendarDay
    extra = 0
    ordering = ("date",)


@admin.register(WorkingCalendar)
class WorkingCalendarAdmin(HouseAdmin):
    list_display = ("code", "name", "country", "region")
    search_fields = ("code__istartswith", "name__icontains")
    ordering = ("code",)
    fieldsets = ((None, {"fields": (("code", "name"), ("country", "region"))}),)
    inlines = (WorkingHoursInline, CalendarDayInline)
