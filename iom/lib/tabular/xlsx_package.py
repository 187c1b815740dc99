"""The zip file that a workbook is: looked through before anything in it is parsed."""

import io
import zipfile
from collections.abc import Sequence

from iom.lib.tabular.rows import FileRefused

MOST_ENTRIES, HIGHEST_RATIO, LARGEST_UNPACKED = 1_000, 100, 200 * 1024 * 1024
_UNWANTED_PARTS = {
    "vbaproject.bin": "macros",
    "externallinks/": "links to other files",
    "embeddings/": "embedded files",
}
_DECLARATIONS = (b"<!DOCTYPE", b"<!ENTITY", b"<\0!\0D", b"<\0!\0E", b"\0<\0!\0D", b"\0<\0!\0E")


def check_package(content: bytes) -> None:
    """Before anything is parsed: what it unpacks to is counted, not believed."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            parts = package.infolist()
            if len(parts) > MOST_ENTRIES:
                raise FileRefused(f"the file has more than {MOST_ENTRIES:,} parts")
            for part in parts:
                _check_part(part)
            _check_unpacked(package, parts, len(content))
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        NotImplementedError,
        RuntimeError,
        EOFError,
        OSError,
    ) as error:
        raise FileRefused("this is not a readable .xlsx file; save it anew") from error
    except Exception as error:
        if isinstance(error, FileRefused):
            raise
        raise FileRefused("this is not a readable .xlsx file; save it anew") from error


def _check_part(part: zipfile.ZipInfo) -> None:
    if part.flag_bits & 1:
        raise FileRefused("the file is encrypted; save it without a password")
    for name, what in _UNWANTED_PARTS.items():
        if name in part.filename.lower():
            raise FileRefused(f"the file has {what}; save it as plain .xlsx without them")


def _check_unpacked(package: zipfile.ZipFile, parts: Sequence[zipfile.ZipInfo], packed: int) -> None:
    if not any(part.filename == "[Content_Types].xml" for part in parts):
        raise FileRefused("this is a zip file but no .xlsx workbook")
    most, total = min(LARGEST_UNPACKED, packed * HIGHEST_RATIO), 0
    for part in parts:
        with package.open(part) as stream:
            tail = b""
            while chunk := stream.read(1 << 20):
                total += len(chunk)
                if total > most:
                    raise FileRefused("the file unpacks to far more than it should")
                if any(mark in tail + chunk for mark in _DECLARATIONS):
                    raise FileRefused(f"{part.filename} declares a document type or an entity; save it anew")
                tail = chunk[-16:]
