"""Import and export in the admin: check first, take then, keep what failed; on the lowest floor, for every floor."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminRadioSelectWidget, UnfoldBooleanWidget

from inventory.models import ImportedFile
from inventory.services import import_jobs
from inventory.services.import_jobs import TakenBefore, check, failed_rows, take
from inventory.services.import_tables import MOST_EXPORTED, TableSpec
from iom.lib import tabular
from iom.lib.admin.base import actor_of
from iom.lib.tabular import FileRefused

__all__ = ["MOST_EXPORTED", "ImportExport", "TableSpec", "TakenBefore", "check", "failed_rows", "take"]
SHOWN_FAILURES = 50
State = ImportedFile.State


class UploadForm(forms.Form):
    file = forms.FileField(label="CSV or XLSX file", widget=UnfoldAdminFileFieldWidget)

    def clean_file(self):
        file = self.cleaned_data["file"]
        if file.size > tabular.LARGEST_FILE:
            raise forms.ValidationError("The file is larger than 20 MB; send it in parts.")
        return file


class TakeForm(forms.Form):
    mode = forms.ChoiceField(
        label="Rows with errors",
        choices=ImportedFile.Mode.choices,
        initial="all",
        widget=UnfoldAdminRadioSelectWidget,
    )
    again = forms.BooleanField(
        label="Take it although it was taken before", required=False, widget=UnfoldBooleanWidget
    )


class ImportExport:
    """Import and export buttons of a list; `table` says how. Importing needs the permissions named here."""

    table: TableSpec
    import_needs: tuple[str, ...] = ("add",)
    actions_list = ("import_table", "export_csv", "export_xlsx")

    def has_import_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        label = self.opts.app_label
        return all(
            request.user.has_perm(f"{label}.{need}_{self.opts.model_name}") for need in self.import_needs
        )

    def get_urls(self) -> list:
        wrap = self.admin_site.admin_view
        name = f"{self.opts.app_label}_{self.opts.model_name}_imported"
        return [
            path("imported/<int:file_id>/", wrap(self.imported), name=name),
            path("imported/<int:file_id>/stop/", wrap(self.stop_import), name=f"{name}_stop"),
            path("imported/<int:file_id>/failed.csv", wrap(self.download_failed), name=f"{name}_failed"),
            *super().get_urls(),
        ]

    @action(description="Import…", permissions=["import"], url_path="import-table", icon="upload")
    def import_table(self, request: HttpRequest) -> HttpResponse:
        form = UploadForm(request.POST or None, request.FILES or None)
        if form.is_valid():
            upload = form.cleaned_data["file"]
            try:
                file = check(self.table, upload.read(), name=upload.name, actor=actor_of(request))
                return redirect(self._url(file))
            except FileRefused as error:
                form.add_error("file", str(error))
        columns = ", ".join(
            f"{name}*" if name in self.table.required else name for name in self.table.columns
        )
        text = f"The file is checked first; nothing is changed yet. Columns (* must be there): {columns}."
        context = self._context(request, f"Import {self.opts.verbose_name_plural}", form, explanation=text)
        return TemplateResponse(request, "admin/iom/confirm.html", context)

    def imported(self, request: HttpRequest, file_id: int) -> HttpResponse:
        file = self._file(request, file_id)
        form = TakeForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                take(self.table, file, actor=actor_of(request), **form.cleaned_data)
                return redirect(self._url(file))
            except TakenBefore as error:
                self.message_user(request, str(error), messages.ERROR)
        shown, moving = file.report["failed"][:SHOWN_FAILURES], file.state in ImportedFile.AT_WORK
        done = import_jobs.progress(file) if moving else file.total
        context = self._context(
            request, f"Import of {file.name}", form, file=file, report=file.report, failures=shown, moving=moving,
            failed=len(file.report["failed"]), checked=file.state == State.CHECKED, done=done, stop_url="stop/",
            percent=done * 100 // max(file.total, 1), warnings=(file.report.get("warnings") or [])[:SHOWN_FAILURES],
        )  # fmt: skip
        response = TemplateResponse(request, "admin/iom/imported.html", context)
        if moving:  # without script too
            response["Refresh"] = "2"
        return response

    def stop_import(self, request: HttpRequest, file_id: int) -> HttpResponse:
        file = self._file(request, file_id)
        if request.method == "POST":
            stopped = import_jobs.stop(file.pk)
            text = "Stopped; what was taken stays." if stopped else "It had ended already."
            self.message_user(request, text, messages.SUCCESS if stopped else messages.INFO)
        return redirect(self._url(file))

    def download_failed(self, request: HttpRequest, file_id: int) -> HttpResponse:
        return _download(
            failed_rows(self._file(request, file_id)), f"{self.table.kind}-failed.csv", "text/csv"
        )

    @action(description="Export CSV", permissions=["view"], url_path="export-csv", icon="download")
    def export_csv(self, request: HttpRequest) -> HttpResponse:
        content = tabular.write_csv(self.table.columns, self.table.export(self._listed(request)))
        return _download(content, f"{self.table.kind}.csv", "text/csv")

    @action(description="Export XLSX", permissions=["view"], url_path="export-xlsx", icon="download")
    def export_xlsx(self, request: HttpRequest) -> HttpResponse:
        content = tabular.write_xlsx(self.table.columns, self.table.export(self._listed(request)))
        kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        return _download(content, f"{self.table.kind}.xlsx", kind)

    def changelist_view(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        """The export buttons carry the list's search and filters along."""
        response = super().changelist_view(request, extra_context)
        listed, filters = getattr(response, "context_data", None) or {}, request.GET.urlencode()
        for button in listed.get("actions_list", ()) if filters else ():
            if "/export-" in button.get("path", ""):
                button["path"] = f"{button['path']}?{filters}"
        return response

    def _listed(self, request: HttpRequest) -> QuerySet:
        """What the list shows with the filters of this address; an unknown filter is no export of everything."""
        try:
            return self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters as error:
            raise Http404("The list knows no such filter.") from error

    def _file(self, request: HttpRequest, file_id: int) -> ImportedFile:
        if not self.has_import_permission(request):
            raise PermissionDenied
        file = ImportedFile.objects.filter(pk=file_id, kind=self.table.kind).first()
        if file is None:
            raise Http404("There is no such import.")
        return file

    def _url(self, file: ImportedFile) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_imported", args=[file.pk])

    def _context(self, request: HttpRequest, title: str, form: forms.Form, **more: Any) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "form": form,
            **more,
        }


def _download(content: bytes, name: str, kind: str) -> HttpResponse:
    response = HttpResponse(content, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
