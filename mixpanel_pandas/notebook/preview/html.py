"""Plain data -> HTML, for the widget and for the saved notebook. Functions that take text escape it.

Colours come from JupyterLab's theme if there is one. Nothing is told by colour alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from mixpanel_pandas.notebook.pictures import cell_html
from mixpanel_pandas.notebook.tables import stacked_attributes, stacked_css
from mixpanel_pandas.text import html_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mixpanel_pandas.notebook.tables import Table, TableColumn

__all__ = ["STYLE", "badge", "code", "details", "mark", "mono", "note", "page", "pre", "table"]

#: Rules for everything inside ``.mixpanel-preview`` and ``.mixpanel-saved``.
STYLE = """
.mixpanel-preview, .mixpanel-saved {
  --mp-line: var(--jp-border-color2, #9e9e9e80); --mp-soft: var(--jp-layout-color2, #8888881f);
  --mp-text: var(--jp-ui-font-color1, inherit); --mp-quiet: var(--jp-ui-font-color1, inherit);
  --mp-mono: var(--jp-code-font-family, ui-monospace, Menlo, Consolas, monospace);
  color: var(--mp-text); max-width: 100%;
}
.mixpanel-saved { font-size: 13px; line-height: 1.45; }
.mp-html { line-height: 1.45; overflow-wrap: anywhere; }
.mp-html table, .mixpanel-saved table { border-collapse: collapse; width: 100%; table-layout: fixed; margin: 4px 0; font-size: 12px; }
.mp-html th, .mp-html td, .mixpanel-saved th, .mixpanel-saved td {
  border: 0; border-bottom: 1px solid var(--mp-line); padding: 3px 8px 3px 0; text-align: left !important; vertical-align: top;
  overflow-wrap: anywhere; white-space: normal; background: none; color: var(--mp-text);
}
.mp-html th, .mixpanel-saved th { font-weight: 600; padding-right: 2px; }
.mp-html pre, .mixpanel-saved pre {
  background: var(--mp-soft) !important; color: var(--mp-text); padding: 8px 10px !important; margin: 4px 0; border-radius: 3px;
  font-family: var(--mp-mono); font-size: 12px; line-height: 1.45; white-space: pre-wrap; overflow-wrap: anywhere; word-break: normal;
  max-height: 420px; overflow-y: auto;
}
.mp-html pre.mp-code, .mp-html pre.mp-again, .mixpanel-saved pre.mp-code { user-select: all; -webkit-user-select: all; max-height: 110px; }
.mixpanel-preview { container-type: inline-size; }
.mixpanel-preview .lm-TabBar-content { flex-wrap: wrap; }
.mixpanel-preview .lm-TabBar-tab { flex: 0 0 auto !important; min-width: 76px !important; max-width: none !important; }
.mixpanel-preview .widget-label { text-align: left; }
.mixpanel-preview .mp-show-values, .mixpanel-preview .mp-repeat { height: auto; }
.mixpanel-preview .mp-show-values label, .mixpanel-preview .mp-repeat label { white-space: normal; width: auto !important; line-height: 1.3; }
body[data-jp-theme-light="false"] .mixpanel-preview .widget-dropdown > select { background-image: url("data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 18 18'%3E%3Cpath fill='%23e0e0e0' d='M5.2 5.9 9 9.7l3.8-3.8 1.2 1.2-5 5-5-5z'/%3E%3C/svg%3E"); }
@container (max-width: 620px) {
  .mixpanel-preview .mp-head { display: none; }
  .mixpanel-preview .mp-row { grid-template-columns: 22px minmax(0, 1fr) minmax(0, 1fr) !important; }
  .mixpanel-preview .mp-row > :nth-child(4) { grid-column: 2; }
  .mixpanel-preview .mp-row > :nth-child(n+6) { grid-column: 2 / -1; }
  .mixpanel-preview .mp-finding-row { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr) 76px !important; }
  .mixpanel-preview .mp-finding-row > :nth-child(n+4) { grid-column: 1 / -1; }
}
.mixpanel-preview .lm-TabBar-tab, .mixpanel-preview .lm-TabBar-tabLabel { color: var(--mp-text) !important; }
.mp-head { display: grid; gap: 0 8px; font-size: 12px; margin-top: 6px; }
.mixpanel-preview .mp-column-fix, .mixpanel-preview .mp-take-all, .mixpanel-preview .mp-finding-rows, .mixpanel-preview .mp-send {
  white-space: normal; height: auto; min-height: 28px; line-height: 1.3; overflow-wrap: anywhere; padding: 3px 8px; text-align: left;
}
.mixpanel-preview .mp-column-fix { font-size: 12px; }
.mp-sample { display: block; overflow-wrap: anywhere; }
.mp-html details > summary { cursor: pointer; }
.mp-hidden-name .widget-label, .mp-hidden-name label > span {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
}
.mixpanel-preview .mp-row, .mixpanel-preview .mp-finding-row { border-bottom: 1px solid var(--mp-line); padding: 1px 0; }
.mp-badge { border: 1px solid currentColor; border-radius: 3px; padding: 0 4px; font-size: 11px; white-space: nowrap; }
.mp-mark { display: block; font-size: 12px; line-height: 1.35; border-left: 3px solid var(--jp-warn-color1, #e69f00); padding-left: 6px; margin: 1px 0; }
.mp-error, .mp-warning { font-weight: 600; }
.mp-badge.mp-error, .mp-message.mp-error { border-color: var(--jp-error-color1, #d32f2f); }
.mp-mono { font-family: var(--mp-mono); font-size: 12px; }
.mp-quiet { color: var(--mp-quiet); opacity: 0.85; }
.mp-message { border-left: 3px solid currentColor; padding: 4px 10px; margin: 4px 0; background: var(--mp-soft); }
.mp-column-example .widget-html-content { min-width: 0; width: 100%; }
.mp-column-example .mp-mono { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.mp-column-example .mp-sample .mp-mono { display: inline; white-space: normal; overflow: visible; }
.mixpanel-preview, .mixpanel-saved { container-type: inline-size; }
@container (max-width: 640px) {
  .mixpanel-preview .mp-show-values, .mixpanel-preview .mp-show-values * { height: auto; white-space: normal; line-height: 1.4; }
  .mixpanel-preview .mp-send { white-space: normal; height: auto; min-height: 28px; line-height: 1.4; }
  .mixpanel-preview .mp-head { display: none; }
  .mixpanel-preview .mp-row { grid-template-columns: 22px minmax(0, 1fr) minmax(0, 1fr) !important; padding: 4px 0; }
  .mixpanel-preview .mp-row > :nth-child(2n + 4) { grid-column: 2; }
  .mixpanel-preview .mp-row > :last-child:nth-child(n + 6) { grid-column: 2 / -1; }
  .mixpanel-preview .lm-TabBar-tab { min-width: 0 !important; padding: 0 6px !important; }
}
""" + stacked_css(".mixpanel-saved")


def badge(severity: str) -> str:
    """Return a severity as a word in a frame."""
    return f'<span class="mp-badge mp-{html_text(severity)}">{html_text(severity)}</span>'


def mark(text: str) -> str:
    """Return how something differs, in words that catch the eye."""
    return f'<span class="mp-mark">{html_text(text)}</span>'


def note(text: str, kind: Literal["quiet", "message", "error"] = "quiet") -> str:
    """Return a paragraph."""
    css = "mp-message mp-error" if kind == "error" else f"mp-{kind}"
    return f'<div class="{css}">{html_text(text)}</div>'


def pre(text: str) -> str:
    """Return text with its line breaks."""
    return f'<pre tabindex="0">{html_text(text)}</pre>'


def code(line: str, label: str = "The same in Python", css: str = "mp-code") -> str:
    """Return a line of Python. One click selects all of it."""
    return f'<pre class="{css}" tabindex="0" aria-label="{html_text(label)}">{html_text(line)}</pre>'


def details(summary: str, inner: str) -> str:
    """Return what a click on its summary shows."""
    return f"<details><summary>{html_text(summary)}</summary>{inner}</details>"


def mono(text: str) -> str:
    """Return a value as a program writes it."""
    return f'<span class="mp-mono">{html_text(text)}</span>'


def table(described: Table) -> str:
    """Return a table that is as wide as its place, without its caption and note."""
    return described.html(_cell)


def _cell(tag: str, column: TableColumn, text: str) -> str:
    if tag == "th":
        return f'<th scope="col" style="width: {column.width}">{html_text(text)}</th>'
    return f"<td{stacked_attributes(column, text)}>{_KINDS[column.kind](text)}</td>"


#: Kind of a column -> what makes HTML of the text of its cells.
_KINDS: dict[str, Callable[[str], str]] = {"text": cell_html, "code": mono, "badge": badge}


def page(parts: Iterable[str], css: str = "mp-html") -> str:
    """Return parts below each other, in an element of the class `css`."""
    return f'<div class="{css}">{"".join(parts)}</div>'
