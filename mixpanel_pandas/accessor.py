"""``df.mixpanel``: thin methods; each builds an `Operation` and runs the line, or a part of it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

import pandas as pd

from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.rules.operation import operation
from mixpanel_pandas.rules.operators import OPERATORS
from mixpanel_pandas.rules.options import Option, taken_by
from mixpanel_pandas.text import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping

    import pandera.pandas as pandera

    from mixpanel_pandas.notebook.preview.preview import Preview
    from mixpanel_pandas.rules.operators import Verb
    from mixpanel_pandas.rules.options import AnyOptions, SendDeletes, SendRows, SendValues

__all__ = ["GroupProfiles", "MixpanelAccessor"]

Method = TypeVar("Method", bound="Callable[..., Any]")

_SUMMARY = """
        Returns
        -------
        pandas.DataFrame
            The summary: one row per run of rows with one final answer, and one per reason for rows that were left out. The
            counts ``accepted``, ``rejected``, ``unknown``, ``not_sent``, ``invalid`` and ``skipped`` add up to ``rows``, and
            ``summary["rows"].sum() == len(df)``. Accepted means that Mixpanel took the request; it does not verify tokens.

        Raises
        ------
        ValidationError
            If a value is over a limit and `invalid` does not say what to do then; nothing was sent.
        OperationError
            If the call cannot be meant; nothing was sent.
        ProjectError
            If no project is named, see `set_project`.
        ConnectionFailed
            If nobody answers at all.
        UploadFailed
            As `check` says.
        AlreadySent
            If an operator that must not be applied twice was already sent on the same frame by this process; see `repeat`.
        UploadInterrupted
            After Ctrl-C or the notebook's stop button. Like the errors of the upload it carries ``.summary``.

        Warns
        -----
        ProfileWarning
            Once, with the counts of warnings and hints.
"""

_ID = """id : label, optional
    Column or index level of the ids. By default ``$distinct_id`` or ``distinct_id``; for groups the column named like
    the group key."""

_PROPERTIES = """properties : label or list of labels, optional
    Columns to send, each as the property of its name. By default all others that no option names."""


def _documented(verb: str, *, sending: bool = True) -> Callable[[Method], Method]:
    """Fill in what the docstrings of the verbs share, and give the method the signature that its options make."""

    def document(method: Method) -> Method:
        options = taken_by(verb, sending=sending)
        text = inspect.cleandoc(method.__doc__ or "")
        shared = {
            "{id}": _ID,
            "{properties}": _PROPERTIES,
            "{options}": "\n".join(_described(option) for option in options),
            "{summary}": inspect.cleandoc(_SUMMARY),
            "{source}": "" if verb == "update" else OPERATORS[verb].source,
        }
        for name, filling in shared.items():
            text = text.replace(name, filling)
        method.__doc__ = text
        own = [
            parameter
            for parameter in inspect.signature(method).parameters.values()
            if parameter.kind is not inspect.Parameter.VAR_KEYWORD
        ]
        keywords = [
            inspect.Parameter(option.name, inspect.Parameter.KEYWORD_ONLY, default=option.default)
            for option in options
        ]
        method.__signature__ = inspect.Signature([*own, *keywords])  # type: ignore[attr-defined]  # inspect reads it
        return method

    return document


def _described(option: Option) -> str:
    import textwrap

    does = textwrap.fill(option.does, 110, initial_indent="    ", subsequent_indent="    ")
    return f"{option.name} : {option.type}\n{does}"


class Profiles:
    """The verbs, for users or for the profiles of one group key."""

    def __init__(self, frame: pd.DataFrame, group: str | None) -> None:
        self._frame, self._group = frame, group

    def __repr__(self) -> str:
        rows, columns = self._frame.shape
        whose = f"profiles of the group {quoted(self._group)}" if self._group else "user profiles"
        return f"<{whose} from {rows:,} rows x {columns:,} columns; see .set, .validate and the others>"

    def _send(self, verb: str, id: Hashable, properties: Any, options: Mapping[str, Any]) -> pd.DataFrame:
        from mixpanel_pandas import pipeline

        return pipeline.send(self._frame, operation(verb, id, properties, self._group, options))

    @_documented("set")
    def set(self, id: Hashable = None, properties: Any = None, **options: Unpack[SendValues]) -> pd.DataFrame:
        """Write properties, over what is there.

        Parameters
        ----------
        {id}
        {properties}
        {options}

        {summary}

        Notes
        -----
        A profile that is not there yet is created. {source}

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

    @_documented("set_once")
    def set_once(
        self, id: Hashable = None, properties: Any = None, **options: Unpack[SendValues]
    ) -> pd.DataFrame:
        """Write properties that are not there yet; what is there stays.

        Parameters
        ----------
        {id}
        {properties}
        {options}

        {summary}

        Notes
        -----
        A profile that is not there yet is created. {source}

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

    @_documented("add")
    def add(self, id: Hashable = None, properties: Any = None, **options: Unpack[SendValues]) -> pd.DataFrame:
        """Add numbers to properties; a missing property counts from 0, a negative number subtracts.

        An update that may have been applied is never sent again: it is ``unknown``.

        Parameters
        ----------
        {id}
        {properties}
        {options}

        {summary}

        Notes
        -----
        Users only. {source}

        Examples
        --------
        >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
        ...     for credits in 5, -2:
        ...         _ = pd.DataFrame({"user_id": ["ann"], "credits": [credits]}).mixpanel.add("user_id")
        ...     emulator.profile("ann")
        {'credits': 3}
        """
        return self._send("add", id, properties, options)

    @_documented("union")
    def union(
        self, id: Hashable = None, properties: Any = None, **options: Unpack[SendValues]
    ) -> pd.DataFrame:
        """Add items to list properties, each once; a single value is a list of one.

        Parameters
        ----------
        {id}
        {properties}
        {options}

        {summary}

        Notes
        -----
        Items are strings or numbers. Mixpanel ignores the update where the property is no list. {source}

        Examples
        --------
        >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
        ...     for genres in ["Rock", "Jazz"], ["Jazz", "Blues"]:
        ...         _ = pd.DataFrame({"user_id": ["ann"], "genres": [genres]}).mixpanel.union("user_id")
        ...     emulator.profile("ann")
        {'genres': ['Rock', 'Jazz', 'Blues']}
        """
        return self._send("union", id, properties, options)

    @_documented("append")
    def append(
        self, id: Hashable = None, properties: Any = None, **options: Unpack[SendValues]
    ) -> pd.DataFrame:
        """Add one item to list properties, whether or not it is there already.

        An update that may have been applied is never sent again: it is ``unknown``.

        Parameters
        ----------
        {id}
        {properties}
        {options}

        {summary}

        Notes
        -----
        Users only. Mixpanel ignores the update where the property is no list. {source}

        Examples
        --------
        >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
        ...     df = pd.DataFrame({"user_id": ["ann", "ann"], "seen": ["home", "home"]})
        ...     _ = df.mixpanel.append("user_id")
        ...     emulator.profile("ann")
        {'seen': ['home', 'home']}
        """
        return self._send("append", id, properties, options)

    @_documented("remove")
    def remove(
        self, id: Hashable = None, properties: Any = None, **options: Unpack[SendValues]
    ) -> pd.DataFrame:
        """Remove an item from list properties.

        Whether Mixpanel removes the first or all of its occurrences is not documented, so an update that may have been
        applied is never sent again: it is ``unknown``.

        Parameters
        ----------
        {id}
        {properties}
        {options}

        {summary}

        Notes
        -----
        {source}

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

    @_documented("unset")
    def unset(self, id: Hashable = None, properties: Any = None, **options: Unpack[SendRows]) -> pd.DataFrame:
        """Remove properties, for good.

        Parameters
        ----------
        {id}
        properties : str or list of str
            Names of the properties to remove from the profiles of all ids; they need not be columns.
        {options}

        {summary}

        Notes
        -----
        {source}

        Examples
        --------
        >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
        ...     df = pd.DataFrame({"user_id": ["ann"], "fax": ["+1 555"], "plan": ["pro"]})
        ...     _ = df.mixpanel.set("user_id")
        ...     _ = df.mixpanel.unset("user_id", ["fax"])
        ...     emulator.profile("ann")
        {'plan': 'pro'}
        """
        return self._send("unset", id, properties, options)

    @_documented("delete")
    def delete(
        self, id: Hashable = None, properties: None = None, **options: Unpack[SendDeletes]
    ) -> pd.DataFrame:
        """Remove whole profiles, for good. Their events stay.

        Parameters
        ----------
        {id}
        properties : None
            Nothing: to remove properties, see `unset`.
        {options}

        {summary}

        Notes
        -----
        {source}

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

    @_documented("update")
    def update(
        self, id: Hashable = None, properties: Mapping[Any, str] | None = None, **options: Unpack[SendValues]
    ) -> pd.DataFrame:
        """Apply several operators in one pass.

        The updates of a row travel in one request, and its outcome is the worst of theirs. With an operator that must not
        be applied twice (add, append, remove) among them, none of them is sent again when it may have been applied; two
        calls keep them apart.

        Parameters
        ----------
        {id}
        properties : mapping
            Column -> operator: set, set_once, add, union, append, remove; for unset the name of a property.
        {options}

        {summary}

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

    def validate(
        self,
        operator: Verb | str,
        id: Hashable = None,
        properties: Any = None,
        *,
        first: int | None = 100,
        **options: Unpack[AnyOptions],
    ) -> pd.DataFrame:
        """Return everything that is wrong with the frame for an operator; send nothing.

        Parameters
        ----------
        operator : str
            set, set_once, add, union, append, remove, unset, delete or update.
        id, properties
            As the operator takes them.
        first : int or None, default 100
            Rows to show of each finding; None for all.
        **options
            As the operator takes them.

        Returns
        -------
        pandas.DataFrame
            One row per finding and row of the frame: ``severity`` (error, warning, hint), ``check``, ``column``,
            ``property``, ``index`` (label) and ``position`` (number) of the row, ``value``, ``limit``, ``message``, and
            ``count``, how many rows the finding has in all.

        Raises
        ------
        OperationError
            If the call cannot be meant.

        Examples
        --------
        >>> df = pd.DataFrame({"user_id": ["ann", None], "bio": ["x" * 300, "short"]})
        >>> df.mixpanel.validate("set", "user_id")[["severity", "check", "column", "index", "limit"]]
          severity        check   column index      limit
        0    error   missing_id  user_id     1       None
        1    error  long_string      bio     0  255 bytes
        """
        from mixpanel_pandas import pipeline

        return pipeline.report(self._frame, operation(operator, id, properties, self._group, options), first)

    def payloads(
        self,
        operator: Verb | str,
        id: Hashable = None,
        properties: Any = None,
        **options: Unpack[AnyOptions],
    ) -> pd.Series[Any]:
        """Return what would be sent for each row; send nothing.

        Parameters
        ----------
        operator, id, properties, **options
            As for `validate`.

        Returns
        -------
        pandas.Series
            On the frame's index: an object, a list of objects where a row makes several updates, None for rows that are
            left out. What rows merge to stands at the last of them. The token is not in them.

        Raises
        ------
        ValidationError
            If a value is over a limit and `invalid` does not say what to do then.
        OperationError
            If the call cannot be meant.

        Examples
        --------
        >>> df = pd.DataFrame({"user_id": ["ann"], "plan": ["pro"]})
        >>> df.mixpanel.payloads("set", "user_id").iloc[0]
        {'$distinct_id': 'ann', '$ip': '0', '$ignore_time': True, '$set': {'plan': 'pro'}}
        """
        from mixpanel_pandas import pipeline

        return pipeline.payloads(self._frame, operation(operator, id, properties, self._group, options))

    def preview(
        self,
        operator: Verb | str,
        id: Hashable = None,
        properties: Any = None,
        *,
        save_values: bool = False,
        **options: Unpack[AnyOptions],
    ) -> Preview:
        """Return a preview: look at what would be sent, change it, and send it from there.

        In a notebook it is a widget with four views: Map (which column goes where), Findings (what `validate` finds and what
        `invalid` would do about it), Payloads (the JSON of each row) and Send (how much, where to, and a button that does
        it). Where no widget lives (a saved notebook, GitHub, nbconvert) it is HTML, in a terminal a text table.

        Parameters
        ----------
        operator, id, properties, **options
            As for `validate`. Everything can be changed in the widget.
        save_values : bool, default False
            Whether ids and the values of ``$email``, ``$phone`` and the name properties (and what looks like them) may stand
            in what the notebook saves. By default they are masked there, and in the widget until its tick shows them.

        Returns
        -------
        Preview
            ``.code`` is the line of Python that does what it shows, ``.summary`` the summary after something was sent,
            ``.widget`` the ipywidgets widget.

        Raises
        ------
        OperationError
            If the call cannot be meant.

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
          column  property  type    fill  example  hint
          plan    plan      string  50 %  "pro"
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
        from mixpanel_pandas.notebook.preview.preview import Preview

        asked = operation(operator, id, properties, self._group, options)
        return Preview(self._frame, asked, save_values=save_values)

    def schema(
        self,
        operator: Verb | str,
        id: Hashable = None,
        properties: Any = None,
        **options: Unpack[AnyOptions],
    ) -> pandera.DataFrameSchema:
        """Return the checks for an operator as a pandera schema, to extend or to use elsewhere.

        Parameters
        ----------
        operator, id, properties, **options
            As for `validate`.

        Returns
        -------
        pandera.DataFrameSchema
            Errors fail; warnings and hints are warnings of pandera's.

        Raises
        ------
        OperationError
            If the call cannot be meant.

        Examples
        --------
        >>> df = pd.DataFrame({"user_id": ["ann"], "plan": ["pro"]})
        >>> schema = df.mixpanel.schema("set", "user_id")
        >>> schema.validate(df).equals(df)
        True
        """
        from mixpanel_pandas import pipeline

        return pipeline.schema(self._frame, operation(operator, id, properties, self._group, options))

    def outcomes(self, summary: pd.DataFrame) -> pd.DataFrame:
        """Return what became of each row of the frame.

        Parameters
        ----------
        summary : pandas.DataFrame
            From a verb on this frame, or from Parquet.

        Returns
        -------
        pandas.DataFrame
            On the frame's index: ``outcome``, ``status_code``, ``attempts``, ``error``.

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
        from mixpanel_pandas import pipeline

        return pipeline.rows_with_outcomes(self._frame, summary)

    def failures(self, summary: pd.DataFrame, outcomes: Iterable[str] | None = None) -> pd.DataFrame:
        """Return the retryable rows of the frame: those to send again, as they are or corrected.

        Parameters
        ----------
        summary : pandas.DataFrame
            From a verb on this frame, or from Parquet.
        outcomes : list of str, optional
            Which outcomes to pick. By default rejected, not_sent, invalid, and unknown where the operators are
            idempotent.

        Returns
        -------
        pandas.DataFrame
            Rows of the frame, with its columns and index.

        Raises
        ------
        SummaryError
            If the summary was made from another frame.
        OperationError
            If an outcome is not known.

        Examples
        --------
        >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
        ...     df = pd.DataFrame({"user_id": ["ann", "bob"], "plan": ["pro", "x" * 300]})
        ...     summary = df.mixpanel.set("user_id", invalid="drop_row")
        >>> df.mixpanel.failures(summary)["user_id"].tolist()
        ['bob']
        """
        from mixpanel_pandas import pipeline

        return pipeline.rows_to_send_again(self._frame, summary, outcomes)


class GroupProfiles(Profiles):
    """The verbs for the profiles of one group key; ``df.mixpanel.group(key)`` makes it."""

    def __init__(self, frame: pd.DataFrame, group: str) -> None:
        given: Any = group
        if not isinstance(given, str) or not given.strip() or given.encode(errors="ignore").decode() != given:
            msg = f"group takes the name of a group key, such as 'company_id', not {quoted(given)}"
            raise OperationError(msg)
        super().__init__(frame, group)


@pd.api.extensions.register_dataframe_accessor("mixpanel")
class MixpanelAccessor(Profiles):
    """``df.mixpanel``: write the rows of a frame to Mixpanel's profiles.

    ``MixpanelAccessor(df).set(...)`` is the same call as ``df.mixpanel.set(...)``, with an editor's completion.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        super().__init__(frame, None)

    def inventory(self) -> pd.DataFrame:
        """Return what the columns of the frame hold, as Mixpanel would see it; nothing is sent, no id is needed.

        Returns
        -------
        pandas.DataFrame
            One row per column of the frame, in its order:

            column
                Its label.
            type
                The Mixpanel type of its values: string, number, boolean, date, list or object; mixed where there are several, none
                where no value has one.
            fill
                Share of the rows with a value, also one that cannot be sent. Empty text is a value.
            distinct
                Number of different values among those that can be sent, as Mixpanel gets them. They are told apart by hashes of 64
                bits: among a million values two that differ count as one with a chance of about one in thirty million.
            types
                Mixpanel type -> number of values; "none" for values that cannot be sent.
            filled
                Number of the rows with a value.
            top_share
                Share of the filled rows that hold the most frequent value.
            nearly_constant
                Whether that is 99 % or more, of at least two.
            examples
                The first three different values.
            largest
                Bytes of the largest value in UTF-8: of text and dates as they are, of everything else as JSON.
            over_limit
                Number of values over a limit of Mixpanel's; `findings` says which.
            reserved
                The reserved property that the label is or looks like: ``$email`` for ``$email``, ``email`` and ``E-Mail``.
            findings
                Check -> number of values that do not pass, 1 for the column as a whole, as `validate` tells of ``set``.

        Raises
        ------
        OperationError
            If the columns are a MultiIndex, or the frame cannot be read.

        Notes
        -----
        Columns are read slice by slice: beside the frame it takes about 12 bytes for each row. ``mpd.show`` shows it well.
        https://docs.mixpanel.com/docs/data-structure/property-reference/data-type

        Examples
        --------
        >>> df = pd.DataFrame({"user_id": ["ann", "bob", "eve"], "email": ["a@b.com", None, "x" * 300], "n": [1, 2, "?"]})
        >>> found = df.mixpanel.inventory()
        >>> found[["column", "type", "filled", "distinct", "largest", "over_limit", "reserved"]]
            column    type  filled  distinct  largest  over_limit reserved
        0  user_id  string       3         3        3           0     None
        1    email  string       2         2      300           1   $email
        2        n   mixed       3         3        1           0     None
        >>> found["types"][2], found["findings"][1]
        ({'number': 2, 'string': 1}, {'long_string': 1, 'lookalike': 1})
        """
        from mixpanel_pandas import pipeline

        return pipeline.inventory(self._frame)

    def group(self, key: str) -> GroupProfiles:
        """Return the same verbs for group profiles; add and append are not among those that Mixpanel documents.

        Parameters
        ----------
        key : str
            The group key, exactly as it stands in Mixpanel's project settings. It must be there before data is sent.

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
