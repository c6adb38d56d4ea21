"""DataFrames become Mixpanel profiles, and every row is accounted for.

Importing the package registers ``df.mixpanel``.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from mixpanel_pandas.accessors import GroupProfiles, MixpanelAccessor, accessor
from mixpanel_pandas.errors import (
    AccessError,
    AccountError,
    AlreadySent,
    BackupError,
    BudgetSpent,
    CanaryFailed,
    ColumnNotFoundError,
    ConnectionFailed,
    DamagedFile,
    DriftError,
    GuardError,
    JournalError,
    MissingExtraError,
    MixpanelError,
    OperationError,
    OptionError,
    PageFailed,
    ProfileWarning,
    ProjectError,
    QueryError,
    ReadError,
    RegionError,
    SubscriptionError,
    SummaryError,
    UploadError,
    UploadFailed,
    UploadInterrupted,
    ValidationError,
)
from mixpanel_pandas.project import Project, set_project
from mixpanel_pandas.rules.limits import LIMITS, RESERVED_PROPERTIES
from mixpanel_pandas.rules.operators import OPERATORS
from mixpanel_pandas.rules.options import Options
from mixpanel_pandas.text import PrintableRecords

logging.getLogger(__name__).addFilter(PrintableRecords())

if TYPE_CHECKING:
    from mixpanel_pandas.delivery.history import last_summary as last_summary
    from mixpanel_pandas.delivery.journal import read_journal as read_journal
    from mixpanel_pandas.delivery.journal import settle as settle
    from mixpanel_pandas.delivery.summary import totals as totals
    from mixpanel_pandas.emulator import Emulator as Emulator
    from mixpanel_pandas.explanations import explain as explain
    from mixpanel_pandas.notebook.plotting import plot as plot
    from mixpanel_pandas.notebook.show import show as show
    from mixpanel_pandas.plans.clean_up import rename_property as rename_property
    from mixpanel_pandas.plans.clean_up import retype_property as retype_property
    from mixpanel_pandas.plans.duplicates import deduplicate_profiles as deduplicate_profiles
    from mixpanel_pandas.plans.plan import Plan as Plan
    from mixpanel_pandas.plans.plan import open_plan as open_plan
    from mixpanel_pandas.plans.undo import Backup as Backup
    from mixpanel_pandas.plans.undo import open_backup as open_backup
    from mixpanel_pandas.plans.uploading import upload as upload
    from mixpanel_pandas.profiles.properties import read_properties as read_properties
    from mixpanel_pandas.profiles.read import read_profiles as read_profiles
    from mixpanel_pandas.reading.frame import frame as frame

    __version__: str

__all__ = [
    "LIMITS",
    "OPERATORS",
    "RESERVED_PROPERTIES",
    "AccessError",
    "AccountError",
    "AlreadySent",
    "Backup",
    "BackupError",
    "BudgetSpent",
    "CanaryFailed",
    "ColumnNotFoundError",
    "ConnectionFailed",
    "DamagedFile",
    "DriftError",
    "Emulator",
    "GroupProfiles",
    "GuardError",
    "JournalError",
    "MissingExtraError",
    "MixpanelAccessor",
    "MixpanelError",
    "OperationError",
    "OptionError",
    "Options",
    "PageFailed",
    "Plan",
    "ProfileWarning",
    "Project",
    "ProjectError",
    "QueryError",
    "ReadError",
    "RegionError",
    "SubscriptionError",
    "SummaryError",
    "UploadError",
    "UploadFailed",
    "UploadInterrupted",
    "ValidationError",
    "accessor",
    "deduplicate_profiles",
    "explain",
    "frame",
    "last_summary",
    "open_backup",
    "open_plan",
    "plot",
    "read_journal",
    "read_profiles",
    "read_properties",
    "rename_property",
    "retype_property",
    "set_project",
    "settle",
    "show",
    "totals",
    "upload",
]


#: Public name -> the module that is imported when it is first asked for: importing the package stays quick.
_LATER = {
    "Backup": "mixpanel_pandas.plans.undo",
    "Emulator": "mixpanel_pandas.emulator",
    "Plan": "mixpanel_pandas.plans.plan",
    "deduplicate_profiles": "mixpanel_pandas.plans.duplicates",
    "explain": "mixpanel_pandas.explanations",
    "frame": "mixpanel_pandas.reading.frame",
    "last_summary": "mixpanel_pandas.delivery.history",
    "open_backup": "mixpanel_pandas.plans.undo",
    "open_plan": "mixpanel_pandas.plans.plan",
    "read_journal": "mixpanel_pandas.delivery.journal",
    "plot": "mixpanel_pandas.notebook.plotting",
    "read_profiles": "mixpanel_pandas.profiles.read",
    "read_properties": "mixpanel_pandas.profiles.properties",
    "rename_property": "mixpanel_pandas.plans.clean_up",
    "retype_property": "mixpanel_pandas.plans.clean_up",
    "settle": "mixpanel_pandas.delivery.journal",
    "show": "mixpanel_pandas.notebook.show",
    "totals": "mixpanel_pandas.delivery.summary",
    "upload": "mixpanel_pandas.plans.uploading",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        with suppress(PackageNotFoundError):  # a folder on the path that is not installed has no version
            return version(__name__)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return __all__
