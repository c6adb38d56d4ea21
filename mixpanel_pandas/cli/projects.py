"""The project that a command names: by options, in a file, or else in the environment."""

from __future__ import annotations

import logging
import os
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixpanel_pandas.cli.logs import log_event
from mixpanel_pandas.errors import ProjectError, did_you_mean
from mixpanel_pandas.project import Project
from mixpanel_pandas.text import Length, quoted, shortened

if TYPE_CHECKING:
    from mixpanel_pandas.cli.jobs import Call

__all__ = ["project_of_call"]


def project_of_call(call: Call) -> Project | None:
    """Return the project that the call names. None: that of the environment, or the default of the process.

    Raises
    ------
    ProjectError
        If the file of the project cannot be read or meant.
    """
    if call["token"]:
        log_event(
            logging.WARNING,
            "token",
            "everybody on this machine can see a token on the command line: prefer MIXPANEL_TOKEN or --project FILE",
        )
    settings = _project_file(Path(call["project"])) if call["project"] else {}
    if call["region"]:
        settings.pop("url", None)
        settings["region"] = call["region"]
    if call["token"]:
        settings["token"] = call["token"]
    if not settings:
        return None
    if "region" not in settings:
        settings.setdefault("url", os.environ.get("MIXPANEL_URL"))
    return Project(settings.pop("token", None) or os.environ.get("MIXPANEL_TOKEN", ""), **settings)


def _project_file(path: Path) -> dict[str, Any]:
    """Return the settings in the file of a project."""
    name = shortened(path, Length.SENTENCE)
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        # the message of another error could hold the token
        reason = error.strerror if isinstance(error, OSError) else "it is not TOML"
        msg = f"{name} cannot be read as a project: {reason}"
        raise ProjectError(msg) from None
    names = [field.name for field in fields(Project) if field.name != "adapter"]
    if unknown := [key for key in settings if key not in names]:
        msg = f"{name}: no key {quoted(unknown[0])}: {did_you_mean(unknown[0], names)}"
        raise ProjectError(msg)
    return settings
