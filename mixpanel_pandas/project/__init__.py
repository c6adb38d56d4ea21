"""The project that profiles are written to, and which one a call takes."""

from __future__ import annotations

from mixpanel_pandas.project.current import current_project, process_default, set_project
from mixpanel_pandas.project.project import QUERY_REGIONS, REGIONS, Project, destination

__all__ = [
    "QUERY_REGIONS",
    "REGIONS",
    "Project",
    "current_project",
    "destination",
    "process_default",
    "set_project",
]
