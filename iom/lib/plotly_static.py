"""Serves plotly.min.js out of the installed package, so that script and Python always match and no copy is kept."""

from importlib.resources import files
from pathlib import Path

from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage

NAME = "plotly.min.js"


class PlotlyFinder(BaseFinder):
    def __init__(self, *args, **kwargs) -> None:
        self.folder = Path(str(files("plotly") / "package_data"))
        self.storage = FileSystemStorage(location=self.folder)
        self.storage.prefix = "vendor"

    def find(self, path: str, find_all: bool = False, **kwargs):
        found = [str(self.folder / NAME)] if path == f"vendor/{NAME}" else []
        return found if find_all else (found[0] if found else [])

    def list(self, ignore_patterns):
        yield NAME, self.storage
