"""The pages of the reference that are made of the tables in `rules`, and of the explanations: `tables.py` writes them."""

from __future__ import annotations

from pathlib import Path

from mixpanel_pandas.explanations import explanation_pages, facts
from mixpanel_pandas.rules.limits import LIMITS, RESERVED_PROPERTIES
from mixpanel_pandas.rules.operators import OPERATORS

HERE = Path(__file__).parent

OPERATORS_PAGE = """# Operators

Each verb is an operator of Mixpanel. [Choose an operator](guide/operators.md) helps to find the right one. This page is generated from the table that
the verbs use.

## What they do

{does}

`df.mixpanel.update(id, {{column: verb}})` applies several of them in one pass.

Groups have no `add` and `append`. One page of Mixpanel says that they are not supported, and no SDK offers them, although another page
lists `$add`. Compute the value in pandas and use `set`, or use `union` for lists.

## How they differ

{differ}

- *Applied twice*: an operator is idempotent if an update that is applied twice leaves the same profile. Only idempotent operators are
  [retried](faults.md) after an unclear answer.
- *Order counts*: whether the order of two updates makes a difference.
- *Missing values*: the choices for `missing=`. The first one is the default.
- *Several rows*: the default of `duplicates=`. See [Several rows of one id](guide/duplicates.md).
- *Updated at*: what happens to Mixpanel's property "Updated at" by default. `updated_at=` changes it.
"""

LIMITS_PAGE = """# Limits

The limits that Mixpanel publishes, as this package interprets them. The checks use this table, `mpd.LIMITS`.

{limits}

If two pages of Mixpanel disagree, or none gives a number, the package uses the stricter interpretation, and the note says so. [Values over a
limit](guide/limits.md) shows what happens to such values. For rate limits, see [Scale](scale.md).
"""

RESERVED_PAGE = """# Reserved properties

Mixpanel gives a meaning to properties whose name begins with `$`. `email` is not `$email`. `rename="reserved"` renames columns such as
`name`, `first_name`, `last_name`, `email`, `phone`, `avatar` and `created` to the reserved properties; a mapping renames any other column.
This page is generated from the table that the checks use, `mpd.RESERVED_PROPERTIES`.

{reserved}

| role | what it means |
| --- | --- |
| editable | you may set it |
| alias | its value becomes a second id of the user: see [`alias_property`](errors/properties.md#alias_property) |
| computed | Mixpanel computes it, so the checks refuse your value: see [`computed_property`](errors/properties.md#computed_property) |
| identity | it identifies the profile or the project, and is not a property: see [`identity_property`](errors/properties.md#identity_property) |
"""

ERRORS_PAGE = """# Errors and checks

Each finding begins with the name of its check, such as `long_string`. These pages explain every check and every exception.
`mpd.explain("long_string")` shows the same text in Python, `mixpanel-pandas explain long_string` in a terminal. All examples start with

```python
>>> import pandas as pd
>>> import mixpanel_pandas as mpd

```

{codes}

```{{toctree}}
:hidden:

{pages}
```
"""

#: What the value of a property may be -> in words.
TAKES_IN_WORDS = {
    "any": "anything",
    "number": "a number",
    "list": "a list, or one item of it",
    "item": "one item",
    "scalar": "text or a number",
    "names": "names alone",
    "nothing": "nothing",
}


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def link_to(code: str, folder: str = "errors/") -> str:
    """Return a link to what explains a code."""
    name = next(name for name, page in explanation_pages().items() if code in page.sections)
    return f"[`{code}`]({folder}{name}.md#{code.lower()})"


def reference_pages() -> dict[Path, str]:
    """Return path -> text of each page."""
    limits = table(
        ["what", "most", "source", "note"],
        [[row.of, str(row), f"[page]({row.source})", row.note] for row in LIMITS.values()],
    )
    reserved = table(
        ["property", "Mixpanel shows", "role", "holds", "source"],
        [
            [f"`{row.name}`", row.display, row.role, row.expects.replace("_", " "), f"[page]({row.source})"]
            for row in RESERVED_PROPERTIES.values()
        ],
    )
    codes = table(
        ["about", "codes"],
        [
            [f"[{page.title}](errors/{name}.md)", ", ".join(map(link_to, page.sections))]
            for name, page in explanation_pages().items()
        ],
    )
    return {
        HERE / "operators.md": _operators_page(),
        HERE / "limits.md": LIMITS_PAGE.format(limits=limits),
        HERE / "reserved-properties.md": RESERVED_PAGE.format(reserved=reserved),
        HERE / "errors.md": ERRORS_PAGE.format(
            codes=codes, pages="\n".join(f"errors/{name}" for name in explanation_pages())
        ),
        **{
            HERE / "errors" / f"{name}.md": "\n\n".join(
                [
                    f"# {page.title}",
                    page.introduction,
                    *(f"## {code}\n\n{facts(code)}\n\n{prose}" for code, prose in page.sections.items()),
                ]
            )
            + "\n"
            for name, page in explanation_pages().items()
        },
    }


def _operators_page() -> str:
    does = table(
        ["verb", "operator", "what it does", "a value is", "groups", "source"],
        [
            [
                f"`{row.verb}`",
                f"`{row.name}`",
                row.does.rstrip("."),
                TAKES_IN_WORDS[row.takes],
                "yes" if row.groups else "no",
                f"[page]({row.source})",
            ]
            for row in OPERATORS.values()
        ],
    )
    differ = table(
        [
            "verb",
            "applied twice",
            "order counts",
            "missing values",
            "several rows",
            "Updated at",
            "updates a request",
        ],
        [
            [
                f"`{row.verb}`",
                "the same" if row.idempotent else "another",
                "yes" if row.ordered else "no",
                ", ".join(row.missing) if row.has_values else "",
                row.duplicates,
                row.updated_at,
                f"{row.batch_size:,}",
            ]
            for row in OPERATORS.values()
        ],
    )
    return OPERATORS_PAGE.format(does=does, differ=differ)
