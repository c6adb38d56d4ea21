"""DataFrames become Mixpanel profiles, and every row is accounted for.

Importing the package registers ``df.mixpanel``.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

from mixpanel_pandas.accessors import GroupProfiles, MixpanelAccessor, accessor
from mixpanel_pandas.errors import (
    AccessError,
    AccountError,
    AlreadySent,
    BudgetSpent,
    ColumnNotFoundError,
    ConnectionFailed,
    JournalError,
    MissingExtraError,
    MixpanelError,
    OperationError,
    OptionError,
    PageFailed,
    PlanError,
    ProfileWarning,
    ProjectError,
    QueryError,
    ReadError,
    RegionError,
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
    from mixpanel_pandas.pipeline.upload import upload as upload
    from mixpanel_pandas.profiles.properties import read_properties as read_properties
    from mixpanel_pandas.profiles.read import read_profiles as read_profiles
    from mixpanel_pandas.reading.frame import frame as frame

__version__ = "0.1.0"

__all__ = [
    "LIMITS",
    "OPERATORS",
    "RESERVED_PROPERTIES",
    "AccessError",
    "AccountError",
    "AlreadySent",
    "BudgetSpent",
    "ColumnNotFoundError",
    "ConnectionFailed",
    "Emulator",
    "GroupProfiles",
    "JournalError",
    "MissingExtraError",
    "MixpanelAccessor",
    "MixpanelError",
    "OperationError",
    "OptionError",
    "Options",
    "PageFailed",
    "PlanError",
    "ProfileWarning",
    "Project",
    "ProjectError",
    "QueryError",
    "ReadError",
    "RegionError",
    "SummaryError",
    "UploadError",
    "UploadFailed",
    "UploadInterrupted",
    "ValidationError",
    "accessor",
    "explain",
    "frame",
    "last_summary",
    "plot",
    "read_journal",
    "read_profiles",
    "read_properties",
    "set_project",
    "settle",
    "show",
    "totals",
    "upload",
]


#: Public name -> the module that is imported when it is first asked for: importing the package stays quick.
_LATER = {
    "Emulator": "mixpanel_pandas.emulator",
    "explain": "mixpanel_pandas.explanations",
    "frame": "mixpanel_pandas.reading.frame",
    "last_summary": "mixpanel_pandas.delivery.history",
    "read_journal": "mixpanel_pandas.delivery.journal",
    "plot": "mixpanel_pandas.notebook.plotting",
    "read_profiles": "mixpanel_pandas.profiles.read",
    "read_properties": "mixpanel_pandas.profiles.properties",
    "settle": "mixpanel_pandas.delivery.journal",
    "show": "mixpanel_pandas.notebook.show",
    "totals": "mixpanel_pandas.delivery.summary",
    "upload": "mixpanel_pandas.pipeline.upload",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return __all__
