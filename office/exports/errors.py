"""What can be wrong with an export.

ExportError
├── NoSuchExport        unknown id
├── NotExportable       this data set, format or period cannot be had so
├── NoFolder            no folder is set where files are kept
├── TooLong             more lines than a statement on paper can have
├── NotReady            there is no file: not made yet, cancelled, failed or expired
└── ExportStopped       somebody cancelled it, or another worker has taken it over
"""

from rails.errors import OperatorError


class ExportError(OperatorError):
    """Root of the tree. `code` is stable."""

    code = "EXPORT_ERROR"


class NoSuchExport(ExportError):
    """Nobody has asked for an export of this id."""

    code = "EXPORT_NOT_FOUND"


class NotExportable(ExportError):
    """What was asked for cannot be exported; the message says why."""

    code = "NOT_EXPORTABLE"


class NoFolder(ExportError):
    """No folder is set where files are kept."""

    code = "NO_EXPORT_FOLDER"

    def __init__(self) -> None:
        super().__init__("exports are kept in the folder PENNYRAIL_EXPORT_FOLDER, which is not set")


class TooLong(ExportError):
    """A statement on paper has an end."""

    code = "STATEMENT_TOO_LONG"

    def __init__(self, *, most: int) -> None:
        super().__init__(f"a statement on paper has at most {most} lines: take a shorter period, or CSV")


class NotReady(ExportError):
    """There is no file to download."""

    code = "EXPORT_NOT_READY"


class ExportStopped(ExportError):
    """Somebody cancelled it, or another worker has taken it over."""

    code = "EXPORT_STOPPED"
