"""Profiles that were read before: the folder that `read_profiles` has made, or a Parquet file of the frame that it returned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pandas as pd
import pyarrow as pa

from mixpanel_pandas.errors import DamagedFile
from mixpanel_pandas.profiles.columns import profiles_as_frame
from mixpanel_pandas.profiles.folder import Folder, manifest_of
from mixpanel_pandas.profiles.selection import Selection
from mixpanel_pandas.text import Length, quoted

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["open_profiles"]


def open_profiles(path: str | PathLike[str], group: str | None = None) -> pd.DataFrame:
    """Return profiles as `read_profiles` has returned them.

    Parameters
    ----------
    path : path-like
        The folder that it wrote to, or a Parquet file of its frame.
    group : str, optional
        The group key, if they are profiles of groups.

    Raises
    ------
    DamagedFile
        If it is neither.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        return _of_folder(path, group)
    try:
        return pd.read_parquet(path, dtype_backend="pyarrow")
    except FileNotFoundError:
        msg = f"there are no profiles {quoted(str(path), Length.SENTENCE)}"
        raise DamagedFile(msg) from None
    except (OSError, pa.ArrowInvalid) as error:
        msg = (
            f"{quoted(str(path), Length.SENTENCE)} is not a Parquet file of profiles ({type(error).__name__})"
        )
        raise DamagedFile(msg) from error


def _of_folder(path: Path, group: str | None) -> pd.DataFrame:
    manifest = manifest_of(path)
    if not manifest.get("complete"):
        msg = f"the folder {quoted(str(path), Length.SENTENCE)} has no complete reading: call read_profiles(to=...) to make or to continue one"
        raise DamagedFile(msg)
    forms = tuple(manifest["source"]["queries"])
    if any(("data_group_id" in form) != (group is not None) for form in forms):
        what = "users" if group is not None else "groups"
        msg = f"the folder {quoted(str(path), Length.SENTENCE)} contains profiles of {what}: name another one"
        raise DamagedFile(msg)
    properties = forms[0].get("output_properties")
    selection = Selection(
        forms, None if properties is None else orjson.loads(properties), group or "$distinct_id"
    )
    frame = profiles_as_frame(Folder(path, {}).batches(), selection)
    frame.attrs["mixpanel"] = {
        "properties": selection.properties,
        "where": selection.where,
        "is_whole": selection.is_whole,
    }
    return frame
