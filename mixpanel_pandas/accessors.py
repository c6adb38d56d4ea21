"""``df.mixpanel``: thin methods; each builds an `Operation` and runs the line, or a part of it."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, Unpack

import pandas as pd

from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.rules.keywords import (
    DeleteOptions,
    EveryOption,
    PlanOptions,
    UnsetOptions,
    VerbOptions,
)
from mixpanel_pandas.rules.operation import group_mistake, operation, refuse_unknown_options
from mixpanel_pandas.rules.options import ALL_OPTIONS
from mixpanel_pandas.text import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping
    from os import PathLike
    from typing import Literal

    import pandera.pandas as pandera

    from mixpanel_pandas.notebook.preview.preview import Preview
    from mixpanel_pandas.plans.plan import Plan
    from mixpanel_pandas.rules.operation import Operation
    from mixpanel_pandas.rules.operators import Verb

__all__ = ["GroupProfiles", "MixpanelAccessor", "accessor"]

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def takes(options: type[Any]) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Let a method show the options of a `TypedDict` as keywords with their defaults, and refuse any other.

    An unknown keyword raises `OptionError`, which names the option that is probably meant.
    """

    def decorate(method: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        signature = inspect.signature(method)
        own = [of for of in signature.parameters.values() if of.kind is not of.VAR_KEYWORD]
        signature = signature.replace(parameters=[*own, *_keywords(options)])
        keywords = [name for name, of in signature.parameters.items() if of.kind is of.KEYWORD_ONLY]

        @functools.wraps(method)
        def taking(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            unknown = [name for name in kwargs if name not in signature.parameters]
            refuse_unknown_options(method.__name__, unknown, keywords)
            return method(*args, **kwargs)

        taking.__signature__ = signature  # type: ignore[attr-defined]  # what help, editors and notebooks show
        return taking

    return decorate


def _keywords(options: type[Any]) -> list[inspect.Parameter]:
    """Return the options of a `TypedDict` as parameters, in the order of the table, with their types as they are written."""
    types = {name: getattr(of, "__forward_arg__", of) for name, of in options.__annotations__.items()}
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=row.default, annotation=types[name])
        for name, row in ALL_OPTIONS.items()
        if name in types
    ]


class Profiles:
    """The verbs, for users or for the profiles of one group key."""

    def __init__(self, frame: pd.DataFrame, group: str | None) -> None:
        self._frame, self._group = frame, group

    def __repr__(self) -> str:
        rows, columns = self._frame.shape
        whose = f"profiles of the group {quoted(self._group)}" if self._group else "user profiles"
        return f"<{whose} from {rows:,} rows x {columns:,} columns; see .set, .validate and the others>"

    def _send(self, verb: str, id: Hashable, properties: Any, options: Mapping[str, Any]) -> pd.DataFrame:
        """Run the whole line for a verb."""
        from mixpanel_pandas.pipeline import line

        return line.send(self._frame, self._operation(verb, id, properties, options))

    def _operation(self, verb: str, id: Hashable, properties: Any, options: Mapping[str, Any]) -> Operation:
        """Return what a call asks for."""
        return operation(verb, id, properties, self._group, options)

    @takes(VerbOptions)
    def set(
        self,
        id: Hashable = None,
        properties: Any = None,
        **options: Unpack[VerbOptions],
    ) -> pd.DataFrame:
        """Write properties, and overwrite existing ones.

        Parameters
        ----------
        id : label, optional
            Column or index level of the ids. By default ``$distinct_id`` or ``distinct_id``; for groups the column with the name
            of the group key.
        properties : label or list of labels, optional
            Columns to send, each as the property with its name. By default all columns that no option uses. The id column is sent
            only if it is in this list or in a mapping of ``rename``.
        rename, parse, na, trim, spread, missing, blank, invalid, duplicates, schema, ip, latitude, longitude, updated_at, ignore_alias
            How rows become updates; `Options` describes each.
        known, new_properties
            The properties that exist in Mixpanel, and what happens to new ones; `Options` describes both.
        project, batch_size, workers, requests_per_hour, deadline, check, canary, dry_run, journal, run, on_changed, repeat, progress
            How the updates are sent; `Options` describes each.

        Returns
        -------
        pandas.DataFrame
            The summary with the outcomes of the rows. `MixpanelAccessor` describes it, and the errors.

        See Also
        --------
        Options : Describes every option.

        Notes
        -----
        Profiles that do not exist are created. https://developer.mixpanel.com/reference/profile-set

        Examples
        --------
        >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
        ...     df = pd.DataFrame({"user_id": ["ann", "bob"], "plan": ["pro", None]})
        ...     summary = df.mixpanel.set("user_id")
        ...     emulator.profile("ann")
        {'plan': 'pro'}
        >>> summary[["rows", "outcome", "accepted", "skipped"]]
           rows   outcome  accepted  skipped
        0     1  accepted         1        0
        1     1   skipped         0        1
        """
        return self._send("set", id, properties, options)

    @takes(VerbOptions)
    def set_once(
        self,
        id: Hashable = None,
        properties: Any = None,
        **options: Unpack[VerbOptions],
    ) -> pd.DataFrame:
        """Write properties that do not exist yet. Existing ones stay as they are.

        Parameters
        ----------
        id : label, optional
            Column or index level of the ids. By default ``$distinct_id`` or ``distinct_id``; for groups the column with the name
            of the group key.
        properties : label or list of labels, optional
            Columns to send, each as the property with its name. By default all columns that no option uses. The id column is sent
            only if it is in this list or in a mapping of ``rename``.
        rename, parse, na, trim, spread, missing, blank, invalid, duplicates, schema, ip, latitude, longitude, updated_at, ignore_alias
            How rows become updates; `Options` describes each.
        known, new_properties
            The properties that exist in Mixpanel, and what happens to new ones; `Options` describes both.
        project, batch_size, workers, requests_per_hour, deadline, check, canary, dry_run, journal, run, on_changed, repeat, progress
            How the updates are sent; `Options` describes each.

        Returns
        -------
        pandas.DataFrame
            The summary with the outcomes of the rows. `MixpanelAccessor` describes it, and the errors.

        See Also
        --------
        Options : Describes every option.

        Notes
        -----
        Profiles that do not exist are created. https://developer.mixpanel.com/reference/profile-set-property-once

        Examples
        --------
        >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
        ...     for plan in "free", "pro":
        ...         df = pd.DataFrame({"user_id": ["ann"], "first plan": [plan]})
        ...         _ = df.mixpanel.set_once("user_id", updated_at="keep")
        ...     emulator.profile("ann")
        {'first plan': 'free'}
        """
        return self._send("set_once", id, properties, options)

    @takes(VerbOptions)
    def add(
        self,
        id: Hashable = None,
        properties: Any = None,
        **options: Unpack[VerbOptions],
    ) -> pd.DataFrame:
        """Add numbers to properties. A property that does not exist counts as 0; a negative number subtracts.

        An update that may have been applied is ``unknown``, and is never retried.

        Parameters
        ----------
        id : label, optional
            Column or index level of the ids. By default ``$distinct_id`` or ``distinct_id``; for groups the column with the name
            of the group key.
        properties : label or list of labels, optional
            Columns to send, each as the property with its name. By default all columns that no option uses. The id column is sent
            only if it is in this list or in a mapping of ``rename``.
        rename, parse, na, trim, spread, missing, blank, invalid, duplicates, schema, ip, latitude, longitude, updated_at, ignore_alias
            How rows become updates; `Options` describes each.
        known, new_properties
            The properties that exist in Mixpanel, and what happens to new ones; `Options` describes both.
        project, batch_size, workers, requests_per_hour, deadline, check, canary, dry_run, journal, run, on_changed, repeat, progress
            How the updates are sent; `Options` describes each.

        Returns
        -------
        pandas.DataFrame
            The summary with the outcomes of the rows. `MixpanelAccessor` describes it, and the errors.

        See Also
        --------
        Options : Describes every option.

        Notes
        -----
        Users only. https://developer.mixpanel.com/reference/profile-numerical-add

        Examples
        --------
        >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
        ...     for credits in 5, -2:
        ...         _ = pd.DataFrame({"user_id": ["ann"], "credits": [credits]}).mixpanel.add("user_id")
        ...     emulator.profile("ann")
        {'credits': 3}
        """
        return self._send("add", id, properties, options)

    @takes(VerbOptions)
    def union(
        self,
        id: Hashable = None,
        properties: Any = None,
        **options: Unpack[VerbOptions],
    ) -> pd.DataFrame:
        """Add items to list properties, unless they are there already. A single value counts as a list of one.

        Parameters
        ----------
        id : label, optional
            Column or index level of the ids. By default ``$distinct_id`` or ``distinct_id``; for groups the column with the name
            of the group key.
        properties : label or list of labels, optional
            Columns to send, each as the property with its name. By default all columns that no option uses. The id column is sent
            only if it is in this list or in a mapping of ``rename``.
        rename, parse, na, trim, spread, missing, blank, invalid, duplicates, schema, ip, latitude, longitude, updated_at, ignore_alias
            How rows become updates; `Options` describes each.
        known, new_properties
            The properties that exist in Mixpanel, and what happens to new ones; `Options` describes both.
        project, batch_size, workers, requests_per_hour, deadline, check, canary, dry_run, journal, run, on_changed, repeat, progress
            How the updates are sent; `Options` describes each.

        Returns
        -------
        pandas.DataFrame
            The summary with the outcomes of the rows. `MixpanelAccessor` describes it, and the errors.

        See Also
        --------
        Options : Describes every option.

        Notes
        -----
        Items are strings or numbers. Mixpanel ignores an update of a property that is not a list. https://developer.mixpanel.com/reference/user-profile-union

        Examples
        --------
        >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
        ...     for genres in ["Rock", "Jazz"], ["Jazz", "Blues"]:
        ...         _ = pd.DataFrame({"user_id": ["ann"], "genres": [genres]}).mixpanel.union("user_id")
        ...     emulator.profile("ann")
        {'genres': ['Rock', 'Jazz', 'Blues']}
        """
        return self._send("union", id, properties, options)

    @takes(VerbOptions)
    def append(
        self,
        id: Hashable = None,
        properties: Any = None,
        **options: Unpack[VerbOptions],
    ) -> pd.DataFrame:
        """Add one item to list properties, even if it is there already.

        An update that may have been applied is ``unknown``, and is never retried.

        Parameters
        ----------
        id : label, optional
            Column or index level of the ids. By default ``$distinct_id`` or ``distinct_id``; for groups the column with the name
            of the group key.
        properties : label or list of labels, optional
            Columns to send, each as the property with its name. By default all columns that no option uses. The id column is sent
            only if it is in this list or in a mapping of ``rename``.
        rename, parse, na, trim, spread, missing, blank, invalid, duplicates, schema, ip, latitude, longitude, updated_at, ignore_alias
            How rows become updates; `Options` describes each.
        known, new_properties
            The properties that exist in Mixpanel, and what happens to new ones; `Options` describes both.
        project, batch_size, workers, requests_per_hour, deadline, check, canary, dry_run, journal, run, on_changed, repeat, progress
            How the updates are sent; `Options` describes each.

        Returns
        -------
        pandas.DataFrame
            The summary with the outcomes of the rows. `MixpanelAccessor` describes it, and the errors.

        See Also
        --------
        Options : Describes every option.

        Notes
        -----
        Users only. Mixpanel ignores an update of a property that is not a list. https://developer.mixpanel.com/reference/profile-append-to-list-property

        Examples
        --------
        >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
        ...     df = pd.DataFrame({"user_id": ["ann", "ann"], "seen": ["home", "home"]})
        ...     _ = df.mixpanel.append("user_id")
        ...     emulator.profile("ann")
        {'seen': ['home', 'home']}
        """
        return self._send("append", id, properties, options)

    @takes(VerbOptions)
    def remove(
        self,
        id: Hashable = None,
        properties: Any = None,
        **options: Unpack[VerbOptions],
    ) -> pd.DataFrame:
        """Remove an item from list properties.

        Mixpanel does not document whether it removes the first or all of its occurrences. An update that may have been applied is
        therefore ``unknown``, and is never retried.

        Parameters
        ----------
        id : label, optional
            Column or index level of the ids. By default ``$distinct_id`` or ``distinct_id``; for groups the column with the name
            of the group key.
        properties : label or list of labels, optional
            Columns to send, each as the property with its name. By default all columns that no option uses. The id column is sent
            only if it is in this list or in a mapping of ``rename``.
        rename, parse, na, trim, spread, missing, blank, invalid, duplicates, schema, ip, latitude, longitude, updated_at, ignore_alias
            How rows become updates; `Options` describes each.
        known, new_properties
            The properties that exist in Mixpanel, and what happens to new ones; `Options` describes both.
        project, batch_size, workers, requests_per_hour, deadline, check, canary, dry_run, journal, run, on_changed, repeat, progress
            How the updates are sent; `Options` describes each.

        Returns
        -------
        pandas.DataFrame
            The summary with the outcomes of the rows. `MixpanelAccessor` describes it, and the errors.

        See Also
        --------
        Options : Describes every option.

        Notes
        -----
        https://developer.mixpanel.com/reference/profile-remove-from-list-property

        Examples
        --------
        >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
        ...     df = pd.DataFrame({"user_id": ["ann"], "genres": [["Rock", "Jazz"]]})
        ...     _ = df.mixpanel.union("user_id")
        ...     _ = df.assign(genres="Rock").mixpanel.remove("user_id")
        ...     emulator.profile("ann")
        {'genres': ['Jazz']}
        """
        return self._send("remove", id, properties, options)

    @takes(UnsetOptions)
    def unset(
        self,
        id: Hashable = None,
        properties: Any = None,
        **options: Unpack[UnsetOptions],
    ) -> pd.DataFrame:
        """Remove properties. A backup keeps their values.

        If the project has a service account, the values are first read and saved in a file, from which `open_backup` restores them.
        Without a service account there is no backup, and the values are lost for good.

        Parameters
        ----------
        id : label, optional
            Column or index level of the ids. By default ``$distinct_id`` or ``distinct_id``; for groups the column with the name
            of the group key.
        properties : str or list of str
            Names of the properties to remove from the profiles of all ids; they need not be columns.
        invalid, duplicates, schema, ip, latitude, longitude, updated_at, ignore_alias
            How rows become updates; `Options` describes each.
        backup
            The file that keeps the removed values; None: no file. `Options` describes it.
        project, batch_size, workers, requests_per_hour, deadline, check, canary, dry_run, journal, run, on_changed, repeat, progress
            How the updates are sent; `Options` describes each.

        Returns
        -------
        pandas.DataFrame
            The summary with the outcomes of the rows. `MixpanelAccessor` describes it, and the errors.

        See Also
        --------
        Options : Describes every option.
        open_backup : Restores the removed values.

        Notes
        -----
        https://developer.mixpanel.com/reference/profile-delete-property

        Examples
        --------
        >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
        ...     df = pd.DataFrame({"user_id": ["ann"], "fax": ["+1 555"], "plan": ["pro"]})
        ...     _ = df.mixpanel.set("user_id")
        ...     _ = df.mixpanel.unset("user_id", ["fax"])
        ...     emulator.profile("ann")
        {'plan': 'pro'}

        The backup restores them:

        >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
        ...     _ = df.mixpanel.set("user_id")
        ...     _ = df.mixpanel.unset("user_id", ["fax"], backup="fax.parquet")
        ...     _ = mpd.open_backup("fax.parquet").plan().apply(backup=None)
        ...     emulator.profile("ann")
        {'plan': 'pro', 'fax': '+1 555'}
        """
        return self._send("unset", id, properties, options)

    @takes(DeleteOptions)
    def delete(
        self,
        id: Hashable = None,
        properties: None = None,
        **options: Unpack[DeleteOptions],
    ) -> pd.DataFrame:
        """Delete whole profiles. Their events stay, and a backup keeps the values of the profiles.

        If the project has a service account, the profiles are first read and saved in a file, from which `open_backup` restores them.
        Without a service account there is no backup, and the profiles are lost for good.

        Parameters
        ----------
        id : label, optional
            Column or index level of the ids. By default ``$distinct_id`` or ``distinct_id``; for groups the column with the name
            of the group key.
        properties : None
            Not used; `unset` removes properties.
        invalid, duplicates, schema, ip, latitude, longitude, updated_at, ignore_alias
            How rows become updates; `Options` describes each.
        at_most
            The most profiles that the call may delete. It refuses to delete more.
        backup
            The file that keeps the removed values; None: no file. `Options` describes it.
        project, batch_size, workers, requests_per_hour, deadline, check, canary, dry_run, journal, run, on_changed, repeat, progress
            How the updates are sent; `Options` describes each.

        Returns
        -------
        pandas.DataFrame
            The summary with the outcomes of the rows. `MixpanelAccessor` describes it, and the errors.

        See Also
        --------
        Options : Describes every option.
        open_backup : Restores the removed values.

        Notes
        -----
        https://developer.mixpanel.com/reference/delete-profile

        Examples
        --------
        >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
        ...     df = pd.DataFrame({"user_id": ["ann", "bob"], "plan": ["pro", "free"]})
        ...     _ = df.mixpanel.set("user_id")
        ...     _ = df[df["plan"] == "free"].mixpanel.delete("user_id")
        ...     list(emulator.profiles().index)
        ['ann']
        """
        return self._send("delete", id, properties, options)

    @takes(VerbOptions)
    def update(
        self,
        id: Hashable = None,
        properties: Mapping[Any, str] | None = None,
        **options: Unpack[VerbOptions],
    ) -> pd.DataFrame:
        """Apply several operators in one pass.

        The updates of a row are sent in one request, and the row has the worst of their outcomes. If one of the operators is not
        idempotent (add, append, remove), no update that may have been applied is retried. Use two calls to avoid that.

        Parameters
        ----------
        id : label, optional
            Column or index level of the ids. By default ``$distinct_id`` or ``distinct_id``; for groups the column with the name
            of the group key.
        properties : mapping
            Column -> operator: set, set_once, add, union, append, remove. With unset, name a property instead of a column.
        rename, parse, na, trim, spread, missing, blank, invalid, duplicates, schema, ip, latitude, longitude, updated_at, ignore_alias
            How rows become updates; `Options` describes each.
        known, new_properties
            The properties that exist in Mixpanel, and what happens to new ones; `Options` describes both.
        project, batch_size, workers, requests_per_hour, deadline, check, canary, dry_run, journal, run, on_changed, repeat, progress
            How the updates are sent; `Options` describes each.

        Returns
        -------
        pandas.DataFrame
            The summary with the outcomes of the rows. `MixpanelAccessor` describes it, and the errors.

        See Also
        --------
        Options : Describes every option.

        Notes
        -----
        https://developer.mixpanel.com/reference/profile-batch-update

        Examples
        --------
        >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
        ...     df = pd.DataFrame({"user_id": ["ann"], "plan": ["pro"], "tags": [["a"]], "credits": [5]})
        ...     _ = df.mixpanel.update("user_id", {"plan": "set", "tags": "union", "credits": "add"})
        ...     emulator.profile("ann")
        {'plan': 'pro', 'tags': ['a'], 'credits': 5}
        """
        return self._send("update", id, properties, options)

    @takes(EveryOption)
    def validate(
        self,
        operator: Verb | str,
        id: Hashable = None,
        properties: Any = None,
        *,
        first: int | None = 100,
        **options: Unpack[EveryOption],
    ) -> pd.DataFrame:
        """Return all findings of the frame for an operator; send nothing.

        Parameters
        ----------
        operator : str
            One of set, set_once, add, union, append, remove, unset, delete and update.
        id : label, optional
            As for the operator's own method.
        properties : label, list of labels or mapping, optional
            As for the operator's own method.
        first : int or None, default 100
            How many rows to list for each finding; None lists all.
        rename, missing, blank, parse, spread, invalid, duplicates, ip, latitude, longitude, updated_at, ignore_alias, schema
            How rows become updates; `Options` describes each.
        known, new_properties
            The properties that exist in Mixpanel, and what happens to new ones; `Options` describes both.
        at_most, batch_size, workers, requests_per_hour, deadline, check, canary, journal, run, on_changed, repeat, progress
            These are checked, but have no other effect, so that the arguments of a call can be reused here.
        backup, project, dry_run
            These decide whether unset and delete write a backup (``no_backup``), and have no other effect.

        Returns
        -------
        pandas.DataFrame
            One row per finding and row of the frame: ``severity`` (error, warning, hint), ``check``, ``column``,
            ``property``, ``index`` (label) and ``position`` (number) of the row, ``value``, ``limit``, ``message``, and
            ``count``, the number of all rows of the finding.

        Raises
        ------
        OperationError
            If an argument is wrong.

        Examples
        --------
        >>> df = pd.DataFrame({"user_id": ["ann", None], "bio": ["x" * 300, "short"]})
        >>> df.mixpanel.validate("set", "user_id")[["severity", "check", "column", "index", "limit"]]
          severity        check   column index      limit
        0    error   missing_id  user_id     1       None
        1    error  long_string      bio     0  255 bytes
        """
        asked = self._operation(operator, id, properties, options)
        from mixpanel_pandas.pipeline import line

        return line.report(self._frame, asked, first)

    @takes(PlanOptions)
    def plan(
        self,
        operator: Verb | str,
        id: Hashable = None,
        properties: Any = None,
        *,
        current: pd.DataFrame | None = None,
        since: str | PathLike[str] | None = None,
        only: Literal["existing", "new"] | None = None,
        mirror: bool = False,
        **options: Unpack[PlanOptions],
    ) -> Plan:
        """Return what an operator would change in profiles; send nothing.

        Values are compared as Mixpanel stores them: 5 equals 5.0, dates have seconds, and null differs from a missing property. The
        properties that Mixpanel itself adds, such as "Updated at", are not part of a plan.

        Parameters
        ----------
        operator : str
            One of set, set_once, add, union, append, remove, unset, delete and update.
        id : label, optional
            As for the operator's own method.
        properties : label, list of labels or mapping, optional
            As for the operator's own method.
        current : pandas.DataFrame, optional
            The profiles as `read_profiles` returned them. A profile that is not in it counts as new. By default the profiles of
            the frame are read now.
        since : path-like, optional
            A snapshot to compare with instead of reading profiles: the file of the values that Mixpanel last accepted, which
            `Plan.apply` writes. If it does not exist yet, all profiles count as new. For set and unset.
        only : {"existing", "new"}, optional
            Send only the rows whose profile exists, or only those whose profile does not exist.
        mirror : bool, default False
            For set: whether a missing value removes the property from the profile. With `since`, properties that were written
            before and have no column any more are removed, too, and so are all properties of profiles that have no row any more.
        rename, parse, na, trim, spread, missing, blank, invalid, duplicates, schema, ip, latitude, longitude, updated_at, ignore_alias
            How rows become updates; `Options` describes each.
        known, new_properties
            The properties that exist in Mixpanel, and what happens to new ones; `Options` describes both.
        project : Project, optional
            The project to read from and to apply the plan to. By default that of `set_project`, or else that of the environment.

        Returns
        -------
        Plan
            ``.cells`` has each value that changes, before and after, and ``.counts`` their numbers. ``.apply()`` sends only the
            changes. Updates of add, append and remove are always sent.

        Raises
        ------
        ValidationError
            If the checks find errors in the frame.
        OperationError
            If an argument is wrong, or does not fit the frames.
        ReadError
            If the profiles cannot be read.

        Examples
        --------
        >>> current = pd.DataFrame({"plan": ["free"]}, index=pd.Index(["ann"], name="$distinct_id"))
        >>> df = pd.DataFrame({"user_id": ["ann", "bob"], "plan": ["pro", "free"]})
        >>> plan = df.mixpanel.plan("set", "user_id", current=current)
        >>> plan
        1 new profile, 1 changed (1 cell), 0 emptied, 0 unchanged
        >>> plan.cells[["id", "before", "after", "change"]]
            id  before   after   change
        0  ann  "free"   "pro"  changed
        1  bob    <NA>  "free"      new
        """
        asked = self._operation(operator, id, properties, options)
        from mixpanel_pandas.plans.making import make_plan

        return make_plan(self._frame, asked, current, since, only, mirror)

    @takes(EveryOption)
    def payloads(
        self,
        operator: Verb | str,
        id: Hashable = None,
        properties: Any = None,
        **options: Unpack[EveryOption],
    ) -> pd.Series[Any]:
        """Return what would be sent for each row; send nothing.

        Parameters
        ----------
        operator, id, properties, rename, ..., progress
            As for `validate`.

        Returns
        -------
        pandas.Series
            With the frame's index: an object, a list of objects if a row makes several updates, or None for rows that are not
            sent. The update of merged rows is at the last of them. Updates are shown without the token.

        Raises
        ------
        ValidationError
            If the checks find errors that `invalid` does not handle.
        OperationError
            If an argument is wrong.

        Examples
        --------
        >>> df = pd.DataFrame({"user_id": ["ann"], "plan": ["pro"]})
        >>> df.mixpanel.payloads("set", "user_id").iloc[0]
        {'$distinct_id': 'ann', '$ip': '0', '$ignore_time': True, '$set': {'plan': 'pro'}}
        """
        asked = self._operation(operator, id, properties, options)
        from mixpanel_pandas.pipeline import line

        return line.payloads(self._frame, asked)

    @takes(EveryOption)
    def preview(
        self,
        operator: Verb | str = "set",
        id: Hashable = None,
        properties: Any = None,
        *,
        save_values: bool = False,
        current: pd.DataFrame | None = None,
        **options: Unpack[EveryOption],
    ) -> Preview:
        """Return a preview, which shows what would be sent, and can change and send it.

        In a notebook it is a widget with five views: Map (which column becomes which property), Findings (what `validate` finds
        and what to do about it), Payloads (the JSON of each row), Changes (each value before and after, when you click its
        button) and Send (the size of the upload, its destination, and the button that sends). Where widgets do not run (a saved
        notebook, GitHub, nbconvert) it is HTML, and in a terminal it is a text table.

        Parameters
        ----------
        operator, id, properties, rename, ..., progress
            As for `validate`. Without an id, the preview takes a column whose name looks like ids, such as ``User ID``, or else asks
            for one. Everything can be changed in the widget.
        save_values : bool, default False
            Whether the notebook may save ids and the values of ``$email``, ``$phone``, the name properties and columns that look
            like them. By default they are masked in the saved notebook, and in the widget until you tick its box.
        current : pandas.DataFrame, optional
            The profiles as `read_profiles` returned them, for the view Changes. By default its button reads them.

        Returns
        -------
        Preview
            ``.code`` is the line of Python that does the same, ``.summary`` is the summary after something was sent, ``.plan`` is
            the plan after a comparison, and ``.widget`` is the ipywidgets widget.

        Raises
        ------
        OperationError
            If an argument is wrong.
        MissingExtraError
            If ipywidgets is not installed: ``pip install "mixpanel_pandas[notebook]"``.

        Examples
        --------
        >>> df = pd.DataFrame({"user_id": ["ann@x.com", "bob@x.com"], "plan": ["pro", None]})
        >>> preview = df.mixpanel.preview("set", "user_id", missing="null")
        >>> preview.code
        "df.mixpanel.set('user_id', missing='null')"
        >>> preview
        set on user profiles, ids in 'user_id'
          df.mixpanel.set('user_id', missing='null')
          ids in 2 rows: 0 missing, 0 junk, 0 duplicate
        <BLANKLINE>
          column  property  type    fill  values  example  hint
          plan    plan      string  50 %  █       "pro"
        <BLANKLINE>
        0 errors, 0 warnings, 0 hints in 2 rows x 1 property
        <BLANKLINE>
        row 0, 124 bytes
        {
          "$distinct_id": "an***@x***",
          "$ip": "0",
          "$ignore_time": true,
          "$set": {
            "plan": "pro"
          }
        }
        <BLANKLINE>
        Set 1 property on 2 users: 2 updates in 1 request, 250 bytes. No project is named yet.
        """
        asked = self._operation(operator, id, properties, options)
        from mixpanel_pandas.notebook.preview.preview import Preview

        return Preview(self._frame, asked, save_values=save_values, current=current)

    @takes(EveryOption)
    def schema(
        self,
        operator: Verb | str,
        id: Hashable = None,
        properties: Any = None,
        **options: Unpack[EveryOption],
    ) -> pandera.DataFrameSchema:
        """Return the checks for an operator as a pandera schema, to extend or to use elsewhere.

        Parameters
        ----------
        operator, id, properties, rename, ..., progress
            As for `validate`.

        Returns
        -------
        pandera.DataFrameSchema
            Errors fail the schema. Warnings and hints become warnings of pandera. The schema accepts the same frames as the verb
            with the same options, except for columns whose Mixpanel type has changed.

        Raises
        ------
        OperationError
            If an argument is wrong.

        Examples
        --------
        >>> df = pd.DataFrame({"user_id": ["ann"], "plan": ["pro"]})
        >>> schema = df.mixpanel.schema("set", "user_id")
        >>> schema.validate(df).equals(df)
        True
        """
        asked = self._operation(operator, id, properties, options)
        from mixpanel_pandas.pipeline import line

        return line.schema(self._frame, asked)

    def outcomes(self, summary: pd.DataFrame) -> pd.DataFrame:
        """Return the outcome of each row of the frame.

        Parameters
        ----------
        summary : pandas.DataFrame
            The summary that a verb returned for this frame, or its Parquet file as a frame.

        Returns
        -------
        pandas.DataFrame
            The columns ``outcome``, ``status_code``, ``attempts`` and ``error``, with the frame's index.

        Raises
        ------
        SummaryError
            If the summary was made from another frame.

        Examples
        --------
        >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
        ...     df = pd.DataFrame({"user_id": ["ann", "bob"], "plan": ["pro", None]})
        ...     summary = df.mixpanel.set("user_id")
        >>> df.mixpanel.outcomes(summary)["outcome"].tolist()
        ['accepted', 'skipped']
        """
        from mixpanel_pandas.pipeline import line

        return line.rows_with_outcomes(self._frame, summary)

    def failures(self, summary: pd.DataFrame, outcomes: Iterable[str] | None = None) -> pd.DataFrame:
        """Return the rows of the frame to send again, unchanged or corrected.

        Parameters
        ----------
        summary : pandas.DataFrame
            The summary that a verb returned for this frame, or its Parquet file as a frame.
        outcomes : list of str, optional
            The outcomes to select. By default rejected, not_sent, invalid, and unknown if the operators are idempotent.

        Returns
        -------
        pandas.DataFrame
            Rows of the frame, with its columns and index.

        Raises
        ------
        SummaryError
            If the summary was made from another frame.
        OperationError
            If an outcome does not exist.

        Examples
        --------
        >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
        ...     df = pd.DataFrame({"user_id": ["ann", "bob"], "plan": ["pro", "x" * 300]})
        ...     summary = df.mixpanel.set("user_id", invalid="drop_row")
        >>> df.mixpanel.failures(summary)["user_id"].tolist()
        ['bob']
        """
        from mixpanel_pandas.pipeline import line

        return line.rows_to_send_again(self._frame, summary, outcomes)

    def verify(
        self,
        summary: pd.DataFrame,
        properties: Any = None,
        *,
        sample: int = 200,
        **options: Unpack[EveryOption],
    ) -> pd.DataFrame:
        """Read the profiles of some accepted rows, and compare them with what was sent. It takes a query for each 1,000 ids.

        The operator and the column of the ids are those of the summary.

        Parameters
        ----------
        summary : pandas.DataFrame
            The summary that a verb returned for this frame, or its Parquet file as a frame.
        properties : label, list of labels or mapping, optional
            The same as in the call of the verb.
        sample : int, default 200
            The most ids to read, spread over the frame; up to 60,000.
        **options
            The same options as in the call of the verb, such as ``rename`` and ``parse``, and the project; `Options` describes each.

        Returns
        -------
        pandas.DataFrame
            A row for each id and property: ``id``, ``property``, ``expected`` and ``found`` as JSON (missing: no value),
            ``matches`` (True, False, or missing if that is not known), and ``reason``. Properties of set and unset must equal what was
            sent, as Mixpanel stores it; properties of set_once must exist; lists must contain the items of union and append, and must
            not contain those of remove. Values of add cannot be compared. For delete there is a row for each id, without a property.
            `show` formats the frame.

        Raises
        ------
        SummaryError
            If the summary was made from another frame, or with other columns or options.
        AccountError
            If the project has no service account. Other errors are those of `read_profiles`.

        Notes
        -----
        Mixpanel does not document after what time an update can be read, and finds merged ids only by their canonical id.
        https://developer.mixpanel.com/reference/engage-query

        Examples
        --------
        >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
        ...     df = pd.DataFrame({"user_id": ["ann", "bob"], "plan": ["pro", "free"]})
        ...     summary = df.mixpanel.set("user_id")
        ...     mpd.show(df.mixpanel.verify(summary))
        2 values in 2 profiles: 2 as sent
        id   property  expected  found   matches
        ann  plan      "pro"     "pro"   yes
        bob  plan      "free"    "free"  yes
        """
        from mixpanel_pandas.pipeline import line
        from mixpanel_pandas.pipeline.verify import verify

        frame = self._frame
        verb, label = line.verb_and_id_of(frame, summary)
        return verify(frame, operation(verb, label, properties, self._group, options), summary, sample)


class GroupProfiles(Profiles):
    """The verbs for the profiles of one group key; ``df.mixpanel.group(key)`` returns it.

    `MixpanelAccessor` describes what they take, return and raise.

    Parameters
    ----------
    frame : pandas.DataFrame
        The frame whose rows are sent.
    group : str
        The group key.

    Raises
    ------
    OperationError
        If `group` is not the name of a group key.

    Examples
    --------
    >>> pd.DataFrame({"company": ["acme"], "seats": [12]}).mixpanel.group("company")
    <profiles of the group 'company' from 1 rows x 2 columns; see .set, .validate and the others>
    """

    def __init__(self, frame: pd.DataFrame, group: str) -> None:
        if mistake := group_mistake(group):
            raise OperationError(mistake)
        super().__init__(frame, group)


@pd.api.extensions.register_dataframe_accessor("mixpanel")
class MixpanelAccessor(Profiles):
    """``df.mixpanel``: write the rows of a frame to Mixpanel's user profiles.

    The verbs ``set``, ``set_once``, ``add``, ``union``, ``append``, ``remove``, ``unset``, ``delete`` and ``update`` send updates.
    They take a column of ids, columns to send, and the options that `Options` describes. ``validate``, ``payloads``, ``preview`` and
    ``schema`` take the name of a verb first and send nothing.

    `accessor` returns this object with its type, so that editors complete its methods.

    Parameters
    ----------
    frame : pandas.DataFrame
        The frame whose rows are sent. It is never changed.

    Notes
    -----
    Each verb that sends returns a summary: a DataFrame with a row for the rows that have the same final answer (a batch, or a part
    of one), and a row for each reason for which rows were excluded. Its counts ``accepted``, ``rejected``, ``unknown``,
    ``not_sent``, ``invalid`` and ``skipped`` add up to ``rows``, and ``summary["rows"].sum() == len(df)``. Accepted means that
    Mixpanel answered the request with success. Mixpanel does not verify tokens.

    A verb raises

    - `ValidationError` if the checks find errors that `invalid` does not handle. Nothing was sent.
    - `OperationError` if an argument is wrong. Nothing was sent.
    - `ProjectError` if no project is set, see `set_project`. Nothing was sent.
    - `ConnectionFailed` if no connection to Mixpanel is possible. Nothing was sent.
    - `AlreadySent` if this process has already sent the same updates and they are not idempotent, see the option `repeat`.
    - `JournalError` if the journal cannot be used. If it fails during the upload, nothing else is sent.
    - `ReadError` if the profiles cannot be read for the backup of unset and delete, and `BackupError` if it cannot be written.
      Nothing was sent.
    - `UploadFailed` if rows were not accepted, as the option `check` decides.
    - `CanaryFailed` if the option `canary` is used, and the canaries are not seen in Mixpanel.
    - `UploadInterrupted` after Ctrl-C or the stop button of a notebook.

    Errors of an upload carry ``.summary``. `ProfileWarning` is issued once, with the counts of warnings and hints.

    Examples
    --------
    >>> df = pd.DataFrame({"user_id": ["ann", "bob"], "plan": ["pro", "free"]})
    >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
    ...     summary = df.mixpanel.set("user_id")
    >>> summary[["rows", "outcome"]]
       rows   outcome
    0     2  accepted
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        super().__init__(frame, None)

    def inventory(self) -> pd.DataFrame:
        """Return what each column of the frame contains, as Mixpanel would store it; send nothing. No id is needed.

        Returns
        -------
        pandas.DataFrame
            One row per column of the frame, in its order:

            column
                The label of the column.
            type
                The Mixpanel type of its values: string, number, boolean, date, list or object; "mixed" if there are several, "none"
                if no value has a type.
            fill
                Share of the rows with a value. Values that cannot be sent count as values, and so does empty text.
            distinct
                Number of different values among those that can be sent, as Mixpanel would store them. They are compared by hashes
                of 64 bits: with a million values, the chance that two different ones count as one is about one in thirty million.
            types
                Mixpanel type -> number of values; "none" for values that cannot be sent.
            filled
                Number of the rows with a value.
            top_share
                Share of the filled rows with the most frequent value.
            nearly_constant
                Whether `top_share` is 99 % or more, with at least two filled rows.
            examples
                The first three different values.
            distribution
                The distribution of the values as a dict, which ``mpd.show`` draws: ``of`` is what is counted ("values", "numbers",
                "dates", "characters", "items", "bytes" or "types"), ``labels`` and ``counts`` are the bars, ``low`` and ``high`` the
                ends of a histogram. From more than 50,000 rows a sample of 50,000 is counted, and ``rows`` is its size. None if there
                are no values.
            largest
                Size of the largest value in bytes (UTF-8). Text and dates are measured as they are, everything else as JSON.
            over_limit
                Number of values over a limit of Mixpanel. The limits are in `findings`.
            reserved
                The reserved property that the label equals or resembles: ``$email`` for ``$email``, ``email`` and ``E-Mail``.
            findings
                Check -> number of values that fail it, as `validate` reports for ``set``; 1 for a finding of the whole column.

        Raises
        ------
        OperationError
            If the columns are a MultiIndex, or the frame cannot be read.

        Notes
        -----
        Columns are read slice by slice, so this takes about 12 bytes per row in addition to the frame. ``mpd.show`` formats the result.
        https://docs.mixpanel.com/docs/data-structure/property-reference/data-type

        Examples
        --------
        >>> df = pd.DataFrame({"user_id": ["ann", "bob", "eve"], "email": ["a@b.com", None, "x" * 300], "n": [1, 2, "?"]})
        >>> inventory = df.mixpanel.inventory()
        >>> inventory[["column", "type", "filled", "distinct", "largest", "over_limit", "reserved"]]
            column    type  filled  distinct  largest  over_limit reserved
        0  user_id  string       3         3        3           0     None
        1    email  string       2         2      300           1   $email
        2        n   mixed       3         3        1           0     None
        >>> inventory["types"][2], inventory["findings"][1]
        ({'number': 2, 'string': 1}, {'long_string': 1, 'lookalike': 1})
        """
        from mixpanel_pandas.pipeline import line

        return line.inventory(self._frame)

    def group(self, key: str) -> GroupProfiles:
        """Return the same verbs for group profiles. Mixpanel does not document add and append for them.

        Parameters
        ----------
        key : str
            The group key, exactly as in the settings of the Mixpanel project. It must exist there before data is sent.

        Returns
        -------
        GroupProfiles
            The verbs, with the ids of groups.

        Raises
        ------
        OperationError
            If `group` is not the name of a group key.

        Notes
        -----
        https://docs.mixpanel.com/docs/data-structure/group-analytics

        Examples
        --------
        >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
        ...     df = pd.DataFrame({"company": ["acme"], "seats": [12]})
        ...     _ = df.mixpanel.group("company").set()
        ...     emulator.profile("acme", "company")
        {'seats': 12}
        """
        return GroupProfiles(self._frame, key)


class _OtherAccessor(MixpanelAccessor):
    """The same verbs for a frame of another library. Each verb reads the frame when it is called."""

    def __init__(self, source: Any) -> None:
        self._source, self._group = source, None

    def __repr__(self) -> str:
        return f"<user profiles from a frame of {type(self._source).__module__.partition('.')[0]}; see .set, .validate and the others>"

    @property
    def _frame(self) -> pd.DataFrame:  # type: ignore[override]
        from mixpanel_pandas.reading.frame import frame

        return frame(self._source)


def accessor(frame: Any) -> MixpanelAccessor:
    """Return ``frame.mixpanel`` with its type, so that editors and type checkers know its methods.

    pandas registers accessors at run time, so no static tool can see ``df.mixpanel``.

    Parameters
    ----------
    frame : pandas.DataFrame or a source
        The frame whose rows are sent. Any other source is read by `mixpanel_pandas.frame` each time that a verb is called.

    Returns
    -------
    MixpanelAccessor
        The verbs over the frame.

    Examples
    --------
    >>> df = pd.DataFrame({"user_id": ["ann"], "plan": ["pro"]})
    >>> mpd.accessor(df).validate("set", "user_id")["check"].tolist()
    []
    """
    return MixpanelAccessor(frame) if isinstance(frame, pd.DataFrame) else _OtherAccessor(frame)
