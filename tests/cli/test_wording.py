from __future__ import annotations

import pandas as pd
import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas.cli.wording import in_words_of_the_command_line
from mixpanel_pandas.rules.operation import operation

#: A message of the package -> the same in the words of the command line.
MESSAGES = {
    "parse={'amount': 'number'} reads text": "--parse amount=number reads text",
    "parse={column: 'number'} converts text": "--parse column=number converts text",
    "parse={'a b': 'date', 'c': 'json'}": "--parse 'a b=date' --parse c=json",
    "rename={'phone': '$phone'} sends it as $phone": "--rename 'phone=$phone' sends it as $phone",
    "rename='reserved' does": "--rename reserved does",
    "duplicates='last' sends the last of them, duplicates='merge'": "--duplicates last sends the last of them, --duplicates merge",
    "pass at_most=59 if that": "pass --at-most 59 if that",
    "nothing was sent; backup=None sends without a backup": "nothing was sent; --no-backup sends without a backup",
    "name another file with backup=": "name another file with --backup",
    "more than at_most=1,000: nothing": "more than --at-most 1,000: nothing",
    "na=['-', '?']": "--na - --na '?'",
    "trim=True removes": "--trim removes",
    "pass journal='mp.sqlite', run='2026-11-21'": "pass --journal mp.sqlite, --run 2026-11-21",
    'pass on_changed="remaining" to send': "pass --on-changed remaining to send",
    "missing='nul' is not one of": "--missing nul is not one of",
    "rename={'it\\'s': 'x'} and so on": """--rename 'it'"'"'s=x' and so on""",
    "id column 'ui' is not in users.csv": "--id ui is not in users.csv",
    "invalid='drop_row' leaves these rows out": "--invalid drop_row leaves these rows out",
    "mpd.explain('long_string') says more": "`mixpanel-pandas explain long_string` says more",
    "first at index 0: 'x'": "first in row 1: 'x'",
    "which column holds the ids? Name it first, as in set('user_id'); there are 'a'": "which column holds the ids? Name it with --id; there are 'a'",
    "update(id, {'plan': 'set', 'tags': 'union'})": "update --property plan=set --property tags=union",
    "to remove profiles call delete(id)": "to remove profiles call `mixpanel-pandas delete`",
    "nothing of an option: a=1 and x=[": "nothing of an option: a=1 and x=[",
    "parse= must say how": "--parse must say how",
    "with infer=False it reads": "with --no-infer it reads",
    "parse={'amount': number": "--parse {'amount': number",
    "more than at_most_share=0.5: nothing": "more than --at-most-share 0.5: nothing",
    "all profiles (current=mpd.read_profiles())": "all profiles (--current with all of them)",
    "Pass backup=None to apply it": "Pass --no-backup to apply it",
    "plan.drift() lists what changed": "`mixpanel-pandas drift` lists what changed",
    "mpd.open_backup('b.parquet').plan() restores them": "`mixpanel-pandas undo 'b.parquet'` makes the plan that restores them",
    "pass mpd.Project(..., username=, secret=), or set MIXPANEL_USERNAME": "pass --project FILE with username, secret, or set MIXPANEL_USERNAME",
    "pass one value for all rows, or apply the plan without saving it": "pass one value for all rows",
    'only="existing" leaves the row out': "--only existing leaves the row out",
}


@pytest.mark.parametrize("message", MESSAGES)
def test_messages_in_the_words_of_the_command_line(message: str) -> None:
    assert in_words_of_the_command_line(message) == MESSAGES[message]


#: Mistakes of a call on a frame -> what the command line says of them.
CALLS = {
    "text to add": (("add", "id", ["plan"]), {}, "--parse plan=number converts text"),
    "a look-alike": (("set", "id", ["email"]), {}, "--rename 'email=$email'"),
    "a run without a journal": (("set", "id"), {"run": "x"}, "pass --journal mp.sqlite as well"),
    "workers": (("set", "id"), {"workers": 99}, "--workers 99 must be a whole number from 1 to 64"),
    "a reading": (("set", "id"), {"parse": {"plan": "nuber"}}, "nuber"),
    "duplicates": (
        ("add", "id", ["n"]),
        {"duplicates": "merge"},
        "--duplicates merge would lose values of add",
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_errors_speak_of_options(name: str) -> None:
    arguments, options, words = CALLS[name]
    frame = pd.DataFrame({"id": ["a"], "plan": ["pro"], "email": ["a@b.c"], "n": [1]})
    try:
        report = frame.mixpanel.validate(*arguments, **options)
        text = "; ".join(report["message"])
    except mpd.OptionError:  # an option of sending, which `validate` does not take
        with pytest.raises(mpd.MixpanelError) as raised:
            operation(*arguments, *[None] * (4 - len(arguments)), options)
        text = str(raised.value)
    except mpd.MixpanelError as error:
        text = str(error)
    said = in_words_of_the_command_line(text)
    assert words in said
    assert not [name for name in ("parse=", "rename=", "run=", "journal=", "workers=") if name in said]
