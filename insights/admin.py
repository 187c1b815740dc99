"""Admin of the top floor: its counters, and the records of packages that no floor owns (users, roles, locks)."""

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django_q.models import Failure, OrmQ, Schedule, Success, Task
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from insights.models import ExceptionGroup, Rollup
from iom.lib.admin.base import HouseAdmin, MachineAdmin

# The queue's own pages run any function that a row names and run it again for who may only look: not here, for nobody.
for model in (Failure, OrmQ, Schedule, Success, Task):
    if admin.site.is_registered(model):
        admin.site.unregister(model)
for model in (User, Group, AccessAttempt, AccessFailureLog, AccessLog):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


@admin.register(Rollup)
class RollupAdmin(MachineAdmin):
    list_display = ("hour", "metric", "channel_id", "label", "value")


@admin.register(User)
class UserAdmin(DjangoUserAdmin, HouseAdmin):
    form, add_form, change_password_form = UserChangeForm, UserCreationForm, AdminPasswordChangeForm
    list_display = ("username", "first_name", "last_name", "email", "is_active", "is_superuser", "last_login")
    list_filter = ("is_active", "is_superuser")
    ordering = ("username",)

    def get_readonly_fields(self, request, obj=None):
        """Only a superuser makes superusers or gives out single permissions: no other way up."""
        locked = () if request.user.is_superuser else ("is_superuser", "user_permissions")
        return (*super().get_readonly_fields(request, obj), *locked)

    def has_change_permission(self, request, obj=None) -> bool:
        guarded = obj is not None and obj.is_superuser and not request.user.is_superuser
        return not guarded and super().has_change_permission(request, obj)

    def has_delete_permission(self, request, obj=None) -> bool:
        """People leave by `active`: their name stays on what they did."""
        return False


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, HouseAdmin):
    ordering = ("name",)
    search_fields = ("name__icontains",)


@admin.register(AccessAttempt)
class AccessAttemptAdmin(MachineAdmin):
    list_display = ("attempt_time", "username", "ip_address", "failures_since_start", "path_info")
    exclude = ("get_data", "post_data")


@admin.register(AccessFailureLog)
class AccessFailureLogAdmin(MachineAdmin):
    list_display = ("attempt_time", "username", "ip_address", "locked_out", "path_info")


@admin.register(AccessLog)
class AccessLogAdmin(MachineAdmin):
    list_display = ("attempt_time", "logout_time", "username", "ip_address", "path_info")
    exclude = ("session_hash",)


@admin.register(ExceptionGroup)
class ExceptionGroupAdmin(MachineAdmin):
    """What people said in the exceptions inbox; the causes themselves are counted there."""

    list_display = ("changed_at", "title", "owner", "snoozed_until", "note", "changed_by")
    list_select_related = ("owner",)
