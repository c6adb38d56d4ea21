"""Looking at a table without sending: what is wrong with it, what would be sent, and what it holds."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from mixpanel_pandas.cli.exit_status import ExitStatus
from mixpanel_pandas.cli.jobs import Call, call_of
from mixpanel_pandas.cli.logs import log_event
from mixpanel_pandas.cli.options import LOG, OF_READING, REPORT, options_of_report
from mixpanel_pandas.cli.output import STDOUT, check_outputs, echo, print_report, write_output
from mixpanel_pandas.cli.running import finish, options_of_call
from mixpanel_pandas.cli.sources import read_source
from mixpanel_pandas.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["OF_INVENTORY", "showing_payloads", "taking_inventory", "validating"]

#: The options of the inventory.
OF_INVENTORY = (*OF_READING.values(), REPORT[0], *LOG)


def validating(verb: str) -> Callable[..., Any]:
    """Return what shows what is wrong with a table."""

    def run(sources: tuple[str, ...], **typed: Any) -> None:
        call = call_of(verb, options_of_report(verb), typed, sources)
        check_outputs(call.sources, {"--output": call["output"]}, [call["job"]])
        finish(call, lambda _termination: _report(call))

    return run


def _report(call: Call) -> ExitStatus:
    from mixpanel_pandas.pipeline.line import report as findings_of

    table, asked = read_source(call, options_of_call(call, sending=False))
    first = None if call["output"] else max(100, call["first"] or 0)
    report = findings_of(table.as_frame(), asked, first)
    if not call["quiet"] and call["output"] != STDOUT:
        print_report(report, 3 if call["first"] is None else call["first"])
    written = write_output(call["output"], lambda: report, "the report")
    has_errors = bool((report["severity"] == "error").any())
    return ExitStatus.DATA if has_errors or not written else ExitStatus.OK


def showing_payloads(verb: str) -> Callable[..., Any]:
    """Return what shows what would be sent."""

    def run(sources: tuple[str, ...], **typed: Any) -> None:
        call = call_of(verb, options_of_report(verb), typed, sources)
        check_outputs(call.sources, {"--output": call["output"]}, [call["job"]])
        finish(call, lambda _termination: _show_payloads(call))

    return run


def _show_payloads(call: Call) -> ExitStatus:
    import orjson

    from mixpanel_pandas.pipeline.line import payloads as payloads_of

    table, asked = read_source(call, options_of_call(call, sending=False))
    payloads = payloads_of(table.as_frame(), asked)
    first = 10 if call["first"] is None else call["first"]
    sent = payloads.dropna()
    if not call["quiet"] and call["output"] != STDOUT:
        for payload in sent.head(first):
            echo(orjson.dumps(payload).decode())
        if len(sent) > first:
            log_event(
                logging.INFO, "shown", f"{first:,} of {counted(len(sent), 'payload')}; --first shows more"
            )
    written = write_output(call["output"], lambda: sent.to_frame("payload"), "the payloads")
    return ExitStatus.OK if written else ExitStatus.DATA


def taking_inventory(sources: tuple[str, ...], **typed: Any) -> None:
    """Show what the columns of a table hold."""
    call = call_of("set", OF_INVENTORY, typed, sources)
    check_outputs(call.sources, {"--output": call["output"]})
    finish(call, lambda _termination: _take_inventory(call))


def _take_inventory(call: Call) -> ExitStatus:
    from mixpanel_pandas.notebook.show import show
    from mixpanel_pandas.pipeline.line import inventory

    source, _asked = read_source(call, {})
    table = inventory(source.as_frame())
    if not call["quiet"] and call["output"] != STDOUT:
        echo(show(table, len(table)))
    return ExitStatus.OK if write_output(call["output"], lambda: table, "the inventory") else ExitStatus.DATA
