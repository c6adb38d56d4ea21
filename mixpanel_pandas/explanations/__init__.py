"""A page for each check and each exception: what is wrong, why it matters, and what to do.

The prose is Markdown beside this file, a section for each code; facts about a check come from its row in `CHECKS`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from mixpanel_pandas import errors
from mixpanel_pandas.errors import OperationError, did_you_mean
from mixpanel_pandas.rules.checks import CHECKS, Check

__all__ = ["Explanation", "ExplanationPage", "explain", "explanation_pages", "facts"]

#: The files of the prose, in the order in which they are read.
PAGES = ("ids", "values", "text", "properties", "columns", "rows", "exceptions")

#: What a check looks at, in words.
LOOKS_AT = {
    "id": "an id",
    "frame": "ids across the frame",
    "value": "a value",
    "reading": "text that `parse=` reads",
    "property": "the value of a reserved property",
    "text": "the texts of a column",
    "column": "a column",
    "row": "a row",
    "record": "a field of the update beside the properties",
    "call": "the call",
}

_HEADING = re.compile(r"^## (\w+)\n", flags=re.MULTILINE)
_LINK_TO_A_PAGE = re.compile(r"\[([^\]]+)\]\((?!https?:)[^)]+\)")


@dataclass(frozen=True)
class ExplanationPage:
    """A file of the prose.

    Attributes
    ----------
    title : str
        Its heading.
    introduction : str
        What stands above the first section.
    sections : dict
        Code -> prose in Markdown, with links as they stand in ``docs/errors``.
    """

    title: str
    introduction: str
    sections: dict[str, str]


@dataclass(frozen=True, repr=False)
class Explanation:
    """The page of one code; `explain` returns it.

    Attributes
    ----------
    code : str
        The name of a check or of an exception.
    text : str
        The page, in Markdown.
    """

    code: str
    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return self.text


def explain(code: str) -> Explanation:
    """Return the page about a check or an exception: what is wrong, why it matters, and what to do.

    Parameters
    ----------
    code : str
        The name of a check, as messages and reports show it, or of an exception.

    Returns
    -------
    Explanation
        A notebook shows it as a page, ``print`` as text; ``.text`` is Markdown.

    Raises
    ------
    OperationError
        If there is no such code.

    Examples
    --------
    >>> mpd.explain("bucket")
    # bucket
    <BLANKLINE>
    A **warning** about a column: the frame is sent all the same.
    Mixpanel's page: <https://docs.mixpanel.com/docs/data-structure/user-profiles>
    ...
    >>> mpd.explain("long_text")
    Traceback (most recent call last):
    mixpanel_pandas.errors.OperationError: there is no page about 'long_text': did you mean 'long_item'?
    """
    for page in explanation_pages().values():
        if code in page.sections:
            prose = _LINK_TO_A_PAGE.sub(r"\1", page.sections[code])
            return Explanation(code, f"# {code}\n\n{facts(code)}\n\n{prose}")
    msg = f"there is no page about {code!r}: {did_you_mean(code, codes())}"
    raise OperationError(msg)


@cache
def explanation_pages() -> dict[str, ExplanationPage]:
    """Return name of a file -> its page."""
    return {name: _page(files(__name__).joinpath(f"{name}.md").read_text(encoding="utf-8")) for name in PAGES}


def _page(text: str) -> ExplanationPage:
    head, *parts = _HEADING.split(text)
    title, _, introduction = head.removeprefix("# ").partition("\n")
    sections = {code: prose.strip() for code, prose in zip(parts[::2], parts[1::2], strict=True)}
    return ExplanationPage(title, introduction.strip(), sections)


def codes() -> list[str]:
    """Return all codes that have a page.

    >>> codes()[:2]
    ['missing_id', 'blank_id']
    """
    return [code for page in explanation_pages().values() for code in page.sections]


def facts(code: str) -> str:
    """Return what the tables say about a code, in Markdown.

    >>> print(facts("ColumnNotFoundError"))
    A `ColumnNotFoundError` is an `OperationError` and a `KeyError`.
    """
    if code in errors.__all__:
        bases_of_class = getattr(errors, code).__bases__
        public = [
            base
            for base in bases_of_class
            if base.__module__ == "builtins" or base.__name__ in errors.__all__
        ]
        bases = [f"{_article(base.__name__)} `{base.__name__}`" for base in public]
        return f"{_article(code).capitalize()} `{code}` is {' and '.join(bases)}."
    if code in CHECKS:
        return _facts_of_check(CHECKS[code])
    return 'An **error** about a record of a file: the file is refused, unless `invalid=` is `"drop_row"`.'


def _facts_of_check(check: Check) -> str:
    what = f"{_article(check.severity).capitalize()} **{check.severity}** about {LOOKS_AT[check.of]}"
    follows = "the frame is sent all the same"
    if check.severity == "error":
        *others, last = [f'`"{remedy}"`' for remedy in check.remedies] or [""]
        remedies = f"{', '.join(others)} or {last}" if others else last
        follows = "the frame is refused" + (f", unless `invalid=` is {remedies}" if last else "")
    limit = f"\nThe limit is {check.limit_text}." if check.limit else ""
    return f"{what}: {follows}.{limit}\nMixpanel's page: <{check.source}>"


def _article(noun: str) -> str:
    return "an" if noun[0].lower() in "aeio" else "a"
