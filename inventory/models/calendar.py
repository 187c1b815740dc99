from django.db import models
from django.db.models import F, Q

WEEKDAYS = (
    (0, "Monday"), (1, "Tuesday"), (2, "Wednesday"), (3, "Thursday"), (4, "Friday"), (5, "Saturday"), (6, "Sunday"),
)  # fmt: skip


class WorkingCalendar(models.Model):
    """When a source or a carrier works. Times are local: a source reads them in its own zone.

    No hours at all: every day, round the clock. `country` adds its public holidays, `region` those of a part of it.
    """

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    country = models.CharField(
        max_length=2, blank=True, help_text="Public holidays of this country are closed; empty: of none"
    )
    region = models.CharField(max_length=10, blank=True, help_text="Such as NY or BY, where holidays differ")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class WorkingHours(models.Model):
    """A stretch of work on a weekday; a break makes two of them."""

    calendar = models.ForeignKey(
        WorkingCalendar, on_delete=models.CASCADE, related_name="hours", db_index=False
    )
    weekday = models.PositiveSmallIntegerField(choices=WEEKDAYS)
    opens_at = models.TimeField()
    closes_at = models.TimeField()

    class Meta:
        ordering = ["weekday", "opens_at"]
        verbose_name_plural = "working hours"
        constraints = [
            models.UniqueConstraint(fields=["calendar", "weekday", "opens_at"], name="working_hours_once"),
            models.CheckConstraint(
                condition=Q(closes_at__gt=F("opens_at")), name="working_hours_close_after_opening"
            ),
            models.CheckConstraint(condition=Q(weekday__lte=6), name="working_hours_weekday"),
        ]

    def __str__(self) -> str:
        return f"{self.get_weekday_display()} {self.opens_at:%H:%M}-{self.closes_at:%H:%M}"


class CalendarDay(models.Model):
    """One date that differs from its weekday: closed, or open at other hours (also on a public holiday)."""

    calendar = models.ForeignKey(
        WorkingCalendar, on_delete=models.CASCADE, related_name="days", db_index=False
    )
    date = models.DateField()
    name = models.CharField(max_length=80, blank=True)
    opens_at = models.TimeField(null=True, blank=True, help_text="Empty: closed on this day")
    closes_at = models.TimeField(null=True, blank=True)

    class Meta:
        ordering = ["date"]
        constraints = [
            models.UniqueConstraint(fields=["calendar", "date"], name="calendar_day_once"),
            models.CheckConstraint(
                condition=Q(opens_at__isnull=True, closes_at__isnull=True) | Q(closes_at__gt=F("opens_at")),
                name="calendar_day_closes_after_opening",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.date} {self.name or ('closed' if self.opens_at is None else 'open')}"
