"""Write the pages that are made of the project's tables: ``python docs/tables.py``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from reference_pages import link_to, reference_pages, table

from mixpanel_pandas.cli.exit_status import STATUS_IN_WORDS
from mixpanel_pandas.cli.option import HEADINGS
from mixpanel_pandas.cli.options import EVERY_OPTION, REPORT
from mixpanel_pandas.cli.plan_options import OF_GUARDS
from mixpanel_pandas.delivery.answers import NAMING
from mixpanel_pandas.delivery.policy import REACTIONS
from mixpanel_pandas.delivery.summary import COLUMNS
from mixpanel_pandas.emulator.parameters import PARAMETERS, REFUSED_PARAMETERS
from mixpanel_pandas.emulator.query import READS
from mixpanel_pandas.emulator.selector import FUNCTIONS
from mixpanel_pandas.reading.cleaning import NA_TEXTS
from mixpanel_pandas.reading.readings import READINGS
from mixpanel_pandas.rules.checks import CHECKS
from mixpanel_pandas.rules.limits import JUNK_IDS
from mixpanel_pandas.rules.operators import OPERATORS

if TYPE_CHECKING:
    from mixpanel_pandas.cli.option import CommandOption
    from mixpanel_pandas.delivery.answers import Evidence
    from mixpanel_pandas.delivery.policy import FollowUp

HERE = Path(__file__).parent

CHECKS_PAGE = """# What is checked

Every row of a frame is checked before a byte is sent. An **error** is never sent: it refuses the frame, or the row, the
value or the end of the string is left out, as `invalid=` says. **Warnings** and **hints** are sent; `df.mixpanel.validate`
shows them all. This page is made from the table that the checks walk. A name leads to what it means and what to do, with an
example; `mpd.explain` and `mixpanel-pandas explain` show the same. Numbers come from [Limits](limits.md).

## Checks

{checks}

## What Mixpanel has

A mistyped column creates a new property, and Mixpanel does not object. `known=` tells the checks which properties there are, and
`new_property`, `absent_property`, `type_drift`, `no_list` and `no_number` compare the frame with them. Without it they look at nothing.

| `known=` | the properties are |
| --- | --- |
| `True` | those of the project, or of the group key: asked for at the time of the check, in one query, with a [service account](read-profiles.md) |
| a frame, or a file that `mpd.frame` reads | the rows: columns `name` and, if types are to be compared, `type` |
| `{{"plan": "string", "seats": "number"}}` | the keys, with their types |
| `["plan", "seats"]` | these; nothing is known of their types |

- Types are `string`, `number`, `boolean`, `date` (or `datetime`), `list` and `object`. Another word tells nothing.
- Names are compared as they are sent: after `rename`, `spread` and `trim`. Mixpanel's own properties are always known.
- A name is like another one if it differs in case, blanks and signs, or in one letter, or if two letters have changed places.
- `new_properties="raise"` makes `new_property` an error, which refuses the frame. `invalid={{"new_property": "drop_value"}}` leaves such
  properties out. The same works for `type_drift`, `no_list` and `no_number`.
- `$union`, `$append` and `$remove` on a property that is no list are answered with success, and change nothing: that is `no_list`.

## Ids that are no ids

Compared in lower case and without outer blanks: {junk}.
"""

EMULATOR_PAGE = """# The emulator

`mpd.Emulator` is a Mixpanel on this machine, for tests, notebooks and a first try. It keeps the profiles that are written to it, applies
every operator as documented, answers queries about them, and [fails on cue](#failing-on-cue). Nothing leaves this machine.

```python
>>> import mixpanel_pandas as mpd, pandas as pd, requests
>>> emulator = mpd.Emulator().start()
>>> with mpd.set_project(emulator.project):
...     summary = pd.DataFrame({{"id": ["ann", "bob"], "plan": ["pro", "free"]}}).mixpanel.set("id")
>>> query = {{"project_id": emulator.project_id, "where": 'properties["plan"] == "pro"'}}
>>> answer = requests.post(f"{{emulator.url}}/api/query/engage", data=query, auth=emulator.service_account).json()
>>> [row["$distinct_id"] for row in answer["results"]]
['ann']
>>> emulator.close()

```

Other clients run against it unchanged: the tests write and read with `mixpanel`, `mixpanel-utils` and `mixpanel-headless`, with the
Singer tap and with Airbyte's source. Where Mixpanel's documentation is silent, the emulator has to choose; a comment beside the code
says so. It is no statement about Mixpanel. [`poe live`](live.md) asks a real project the same, and prints what differs.

## What it answers

- `/engage` and `/groups`: updates, as JSON, as a form, and as the form in plain text that Mixpanel's SDK for browsers sends.
- {paths}: queries, with GET and POST, in the address, a form or JSON. They need `emulator.service_account` and the `project_id`, or
  `emulator.project_secret` alone.

A page of any origin may read the answers (CORS).

## Where it listens

`emulator.start()` listens on a free port of 127.0.0.1, and `emulator.url` is the address. Where two processes have to agree on one,
name the port: `emulator.start(8001)`, or in a terminal

```sh
mixpanel-pandas emulator --port 8001 --token 0123456789abcdef0123456789abcdef
```

Other machines cannot reach it. With `emulator.adapter()` it needs no socket at all.

## Sessions and ids

A query with page 0 opens a **session**: a snapshot of the profiles, whose pages the same parameters with `session_id` and `page` read.
Only page 0 counts as one of 60 queries in an hour, and five run at once; beyond that comes a 429 with the headers that Mixpanel sends.
A query finds a profile by its canonical id alone: `emulator.add_alias("ann@example.org", "ann")` gives a user a second id, to which
updates go as well. `emulator.add_cohort("paying", ["ann"])` returns the number for `filter_by_cohort`.

## Switches

| option | default | what it does |
| --- | --- | --- |
| `token` | a random one | the project token; records with another one are answered with success and land nowhere |
| `strict` | `StrictShape()` | the shape of answers to `strict=1`, of which only success is known |
| `page_size` | 1000 | the most profiles on a page |
| `queries_per_hour` | 60 | further queries get a 429 |
| `session_seconds` | 3600 | how long the pages of a query can be read, after its latest page |
| `read_delay` | 0 | seconds until queries see what was written |
| `whole_seconds` | `False` | dates come back to the second, as Mixpanel exports them |
| `timezone` | `"UTC"` | the time zone of the project, in which dates in a selector are |
| `history` | all | how many of the latest requests are kept |
| `clock` | `time.time` | seconds since 1970 |

## Selectors

`where` and `selector` take an expression: properties (`properties["plan"]` or `user["plan"]`), texts in double quotes with a backslash
before quotes and backslashes, numbers, `true` and `false`, lists of these in brackets, `NOW` (seconds since 1970), and the table below.
A text that is none is answered with 400. What a profile lacks is undefined, and so is an operation on values of the wrong type. A
profile is found if the expression is true.

{selectors}

Sources: the [page of Mixpanel](https://docs.mixpanel.com/reference/segmentation-expressions), and what clients rely on. By
`mixpanel-headless`, queries of profiles know no `*`, `/`, `%`, `floor`, `round`, `ceil` and `boolean`; the emulator evaluates all that is
documented.

## Parameters

Parameters that are not in this table are refused, so that none is ignored in silence.

{parameters}

Refused though Mixpanel knows them: {refused}.

## Failing on cue

`emulator.fail(429)`, `emulator.fail("reset", applied=True)`, `emulator.fail(503, on="read", times=None)`: the docstring of
`Emulator.fail` lists all faults.
"""

READING_PAGE = """# Reading text

`parse={{column: reading}}` says what the text of a column stands for; on the command line it is `--parse amount=number`. A reading is a
name, alone or with a detail after a colon. This page is made from the table that the verbs use.

```python
df.mixpanel.set("user_id", parse={{"amount": "number:1.234,5", "born": "date:dd/mm/yyyy", "tags": ";"}})
```

{readings}

- Blank text is missing, but for `text`.
- Text that cannot be read is an error with its row and value, such as `unreadable`: see [What is checked](checks.md). `invalid=` says
  what becomes of it, as of every error.
- A column that has the type already stays as it is. A column of another type is an error, because a reading is for text. In a column
  of several types the text is read, and the other values stay.
- All values of a column have one type: whole numbers are whole unless one value has decimals, and dates are dates unless one has a
  time. A time without a zone is taken as UTC, which is a warning.
- A separator alone, such as `";"`, is a list, too. Then quotes have no meaning.
- An integer beyond 64 bits is sent as text, which keeps its digits, and is a warning (`inexact_integer`).
- Nothing is read unasked: text of a frame without `parse` is sent as text. Only of a CSV file `mpd.frame` makes numbers, booleans and ISO
  dates, where [nothing is lost](files.md#what-a-csv-file-holds). The [cookbook](cookbook.md) has examples.
- Columns of a JSON dtype (BigQuery's `dbjson`, Arrow's `arrow.json`) hold
  JSON and are sent as that; `parse={{column: "text"}}` sends their text.

## Text that looks like more

A column of which every text looks like a number, a date, yes and no, a list or JSON has a hint that names the reading:

```text
the text looks like numbers ('1,234.50', '7.00' in 2 rows): parse={{'amount': 'number:1,234.5'}} reads it
```

Where two readings fit, as for `05/07/2023`, it names both. `parse={{"amount": "text"}}` answers that it is text, and the hint is gone.
What may be a code is text without a hint: leading zeros, `+15550100`, `1e5`, versions such as `1.10` beside `1.9`, digits of one length,
columns named like `zip_code` or `order_id`, and properties that are text for Mixpanel. So are ISO dates in UTC, which are dates for
Mixpanel as they stand.

## Texts that mean missing

`na=["-", "?"]` makes texts of ids and values missing, before `parse` reads them. Casing counts, outer blanks do not. On the command line
it is `--na - --na "?"`. Two sets have names, which can stand among texts: `na=["common", "-"]`.

{na}

`common` leaves out what is a word or a name as well: `NA` is Namibia. Without `na=` all texts are values, and the hint
`missing_as_text` names the rows whose text is in `common`, a dash, or an error of a spreadsheet such as `#REF!`.

## Blanks and invisible characters

`trim=True` takes outer blanks from ids, names of properties and text, and characters that nobody sees: zero-width spaces, soft hyphens,
byte order marks and marks of direction. Items of lists and texts in objects stay.
"""

OUTCOMES_PAGE = """# What happens to a row

Each row of the frame has one outcome:

| outcome | meaning | what to do |
| --- | --- | --- |
| `accepted` | Mixpanel took the request. It does not verify tokens: [canaries](proof.md) do. | nothing |
| `rejected` | Mixpanel refused it; it was not applied. | correct it, send it again |
| `unknown` | It may have been applied: there was no answer, or no clear one. | idempotent: send it again; else look first |
| `not_sent` | It was not sent, or certainly not applied. | send it again |
| `invalid` | Left out before sending: over a limit, or a bad id. | correct it, send it again |
| `skipped` | Left out because there is nothing to do: superseded by a later row, or no value at all. | nothing |

`df.mixpanel.failures(summary)` picks the retryable rows: those to send again, as they are or corrected. [What happens
when...](faults.md) says which fault leads to which outcome, and which operators are idempotent.

## The summary

A verb returns one row per run of rows with one final answer (a batch, or a part of one), and one per reason for rows that were
left out. With `mpd.upload` it also counts malformed records of the source, in a row with the reason `malformed record` whose `start` and
`stop` are the end of the frame. `mpd.totals(summary)` adds it up; `df.mixpanel.outcomes(summary)` gives a row for each row of the frame. Keep it in
Parquet, which both read again in another process.

{columns}

A run whose `positions` are missing, or fewer than its `rows`, holds all rows between `start` and `stop` that no other run lists. So ten
million rows with 1 % scattered bad ones make a summary of one or two MB.

`summary.attrs["mixpanel"]` says where the rows went: `place` is the region or the host of the address (`dry run` where nothing was sent),
`token_fingerprint` equals `project.fingerprint` of the project that was written to, and `backup` is the file that keeps what `unset` or
`delete` has removed: see [Undo](undo.md).

## When a call ends early

A summary is made only when no worker can send any more. Whatever ends a call (Ctrl-C, an exception that a signal's handler raises, a
soft time limit, `SystemExit`, a thread that cannot be started, a bug), it sends nothing else, waits 5 seconds for the answers to what
is on the wire, closes the connections, and then makes the summary. What it cannot confirm is `unknown`.

| what strikes | what the call raises | where the summary is |
| --- | --- | --- |
| Ctrl-C, the notebook's stop button | `UploadInterrupted`, also where SIGINT has another handler, which is called once afterwards | `.summary` |
| an `Exception`, such as that of a soft time limit | `UploadError` from it | `.summary` |
| `SystemExit` and its like | the same | `mpd.last_summary()` |
| SIGTERM, on the command line | exit status 143 | printed and written, as after Ctrl-C |

After a second Ctrl-C the call does not wait for answers either. A progress bar or a handler of the log that fails is switched off,
and the upload goes on.
"""


#: Column of the summary -> what it tells.
COMMAND_LINE_PAGE = """# The command line

`mixpanel-pandas` runs the verbs on tables, by hand and as a scheduled job. `python -m mixpanel_pandas` is the same. The tests run the
commands and job files of this page, and its tables are made from those that the commands walk.

```sh
mixpanel-pandas validate set users.csv --id user_id
mixpanel-pandas payloads set users.csv --id user_id --first 3
mixpanel-pandas set users.csv --id user_id --rename reserved --emulator
mixpanel-pandas set users.csv --id user_id --rename reserved
```

- `validate` shows each finding with its count, the first rows and their values. `payloads` shows what would be sent, as JSON Lines.
  `inventory` shows what the columns hold. None of them sends anything, or needs a project.
- `mixpanel-pandas set --help` lists the options of a verb in groups. `mixpanel-pandas completion bash` (or `zsh`, `fish`) prints what
  makes a shell complete them.
- `mixpanel-pandas explain long_string` says what a check or an error means, and what to do: see [Errors and checks](errors.md).
- With `--emulator` a verb writes to an emulated Mixpanel that ends with the command. `mixpanel-pandas emulator` runs one until Ctrl-C,
  and prints the address, the token and the service account that other commands need. With `--port 8001` the address is known before.

## Tables

{sources}

A CSV is read with the values that it shows: columns become numbers, booleans or dates only if nothing is lost. `--no-infer` leaves all
of it text. `--parse amount=number` says what the text of a column stands for: see [Reading text](reading.md). Formats, endings and malformed
records: see [Files and streams](files.md).

## The project

The first of these that names a token or a place decides it:

1. `--token`, with a warning, because everybody on the machine can see it; `--region`.
2. `--project project.toml`, a file that only the job can read:

   ```toml
   token = "0123456789abcdef0123456789abcdef"
   region = "eu"
   ```

   Its keys are the parameters of `mpd.Project`: `token`, `region` or `url`, `timeout`, `retries` and `backoff`, and for
   `--known true` `username`, `secret`, `project_id` and `group_keys`.
3. The environment: `MIXPANEL_TOKEN`, and `MIXPANEL_REGION` or `MIXPANEL_URL`.

## Jobs

A job is a TOML file with a whole call. It is reviewed in git, and is all that a scheduler has to name. The [preview](preview.md) of
a notebook writes one, and so does `--save-job`, which sends nothing:

```sh
mixpanel-pandas set users.csv --id user_id --journal users.sqlite --run 'users-{{date}}' --save-job users.toml
mixpanel-pandas validate --job users.toml
mixpanel-pandas run users.toml --dry-run
mixpanel-pandas run users.toml
```

```toml
source = "users.csv"
verb = "set"
id = "user_id"
journal = "users.sqlite"
run = "users-{{date}}"

[parse]
credits = "number"
```

- A key is an option without its dashes, beside `source` and `verb`. Options that may be repeated are lists, or tables of pairs. A flag
  is `true` or `false`. A key that does not exist is an error.
- A job infers no types, so that a table is read the same every day. `--save-job` writes the readings of the table that it has seen as
  `[parse]`. `infer = true` makes a job infer.
- `new-properties = "raise"` refuses a table with properties that Mixpanel does not have. `known` is `true` to ask Mixpanel, the path of a
  table of them, or a list of names or a table of types in the job itself, so that a new property is reviewed, too:

  ```toml
  new-properties = "raise"

  [known]
  plan = "string"
  credits = "number"
  ```

- Relative paths are relative to the folder of the job.
- Options that are typed after `run users.toml`, or beside `--job users.toml`, win over the job. Pairs such as those of `--parse` are
  added to those of the job.
- A job holds no token.
- In the name of a run `{{date}}` stands for today, and `{{hour}}` for this hour in UTC, such as `2026-11-21T14Z`. With a journal and
  a name, a job that is started again on the same day sends only what is left, and the next day it sends everything again. Where a retry
  may come after midnight, name the run: `mixpanel-pandas run users.toml --run users-2026-11-21`.

### A job that sends what has changed

With `since` a job keeps a file of what was last accepted, and sends only what differs from it. The same table sends nothing the
second time. The file holds ids and values, belongs to one project, and needs no service account. While one run uses it, another
one ends with status 2 and sends nothing.

```sh
mixpanel-pandas set users.csv --id user_id --since users.parquet
```

```toml
source = "users.csv"
verb = "set"
id = "user_id"
since = "users.parquet"
mirror = true
at-most-share = 0.1
at-most-emptied = 500
```

- `mirror` removes what a row no longer has, and what the job wrote before and is no longer in the table. It never touches other properties.
- The guards stop a table that was cut off before anything is sent, with status 4. For one run allow more: `run users.toml --at-most-share 1`.
- A row that was not accepted is sent again the next time, and so is everything if the job was killed before it ended.
- `backup` names a file for what the profiles held. For that they are read, which needs a service account. By default nothing is read.

## Plans

A [plan](plan.md) is each value that a table would change, before and after, in a file. It is looked at, reviewed, and applied as it is.

```sh
mixpanel-pandas plan set edited.csv --id user_id --to plan.parquet
mixpanel-pandas show plan.parquet
mixpanel-pandas show plan.parquet --markdown --rows 100
mixpanel-pandas drift plan.parquet
mixpanel-pandas apply plan.parquet --at-most 1000 --new-properties raise
mixpanel-pandas undo plan.backup.parquet --to undo.parquet
mixpanel-pandas apply undo.parquet
```

- `plan` reads the profiles of the table, which needs a service account, and prints how much would change. `--current` names profiles
  that were read before, `--since` what was last accepted. `plan --job users.toml` plans what a job would do.
- `show` prints the changes; `--markdown` is for a pull request. It shows what a backup holds as well.
- `apply` reads the profiles again. What somebody has changed since is left out, or with `--drift raise` refuses the plan. `drift` lists it.
  Then `apply` writes what the profiles hold to `plan.backup.parquet`, unless `--no-backup` says otherwise, and sends the changes.
- `apply` keeps a journal, `plan.parquet.journal`. If it is stopped or killed, the same command goes on, and adds nothing twice.
- `undo` makes a plan of a backup, to be shown and applied like any other.

A plan and a backup hold ids and values of profiles, and no token.

## Exit status

{status}

- Rows that were skipped, and those of a dry run, are no failure. `validate` ends with 1 if it finds an error.
- 3 promises that nothing was accepted, and that the same command can do no harm. So `add`, `append` and `remove` end with 1 if a row is
  `unknown`.
- A file of `--summary` or `--failures` that could not be written ends the command with 1, unless another status says more.
- `apply` that leaves out profiles because they have changed ends with 1, and `drift` that finds such profiles with 4.
- `emulator` ends with 0 after Ctrl-C, and with 2 if its port is in use.

## The log

A terminal shows a progress bar. Otherwise standard error gets a line for each event, with a time stamp in UTC. With
`--quiet` it holds only warnings and errors, and no tables are printed; if rows fail, a warning says what became of all of them. With `--log-format json` each line is an object:

```json
{{"time":"2026-11-21T03:15:09Z","level":"info","event":"uploaded","message":"set: 59 accepted; ...","accepted":59,"rejected":0, ...}}
```

{events}

`--summary` and `--failures` write what became of the rows, and the rows to send again, to `.parquet`, `.csv` or `.jsonl`; `-` is
standard output, as JSON Lines. The tables for people then go to standard error.

## Recipes

### cron

`--quiet` prints nothing as long as all goes well, so cron writes no mail. A job names no `%`, which a crontab would need to escape.

```sh
15 3 * * *  mixpanel-pandas run /srv/jobs/users.toml --quiet
```

With `project = "/etc/mixpanel.toml"` in the job, cron needs no environment. A second upload with the same journal is refused while the
first is running, with status 2.

### systemd

A oneshot service tries again only where that helps. SIGTERM ends the upload, and every row is accounted for.

```ini
# /etc/systemd/system/mixpanel-users.service
[Service]
Type=oneshot
EnvironmentFile=/etc/mixpanel.env
ExecStart=mixpanel-pandas run /srv/jobs/users.toml --log-format json
Restart=on-failure
RestartPreventExitStatus=1 2 4
RestartSec=10min
SuccessExitStatus=143
TimeoutStopSec=60

# /etc/systemd/system/mixpanel-users.timer
[Timer]
OnCalendar=*-*-* 03:15
Persistent=true

[Install]
WantedBy=timers.target
```

### Airflow

The name of the run comes from the date of the task, so that a retry goes on where the first try ended, also after midnight.

```python
import subprocess
from datetime import timedelta

from airflow.decorators import task
from airflow.exceptions import AirflowException, AirflowFailException


@task(retries=3, retry_delay=timedelta(minutes=10))
def upload_users(ds: str) -> None:
    command = ["mixpanel-pandas", "run", "/srv/jobs/users.toml", "--run", f"users-{{ds}}"]
    status = subprocess.run(command).returncode
    if status == 3:
        raise AirflowException("no service, try again")
    if status:
        raise AirflowFailException(f"status {{status}}: look at the log")
```

## Options

A verb has those that it can use: `mixpanel-pandas add --help`.

{options}
"""

SOURCES_IN_WORDS = [
    ("`users.csv`, `users.parquet`", "a file, plain or compressed"),
    (
        "`a.csv b.csv`, `'data/*.csv'`, `data/`",
        "several files, a pattern, a folder: in the order of their names",
    ),
    ("`-`", "standard input; `--format` says what it is"),
    ("`s3://bucket/users.parquet`", "an address that fsspec knows, where its library is installed"),
]

EVENTS_IN_WORDS = [
    ("`started`", "the command began", "`command`"),
    ("`inferred`", "columns of a CSV became numbers, booleans or dates", "`parse`"),
    ("`malformed`", "malformed records were left out", "`records`"),
    ("`backslashes`", "two backslashes are read as one, and others of the file stand alone", ""),
    ("`read`", "the table was read", "`rows`, `columns`, `seconds`"),
    ("`findings`", "warnings and hints about the table", ""),
    (
        "`planned`",
        "a plan was made, or is applied",
        "`new_profiles`, `changed_profiles`, `emptied_profiles`, `unchanged_profiles`, `new_cells`, `changed_cells`, `emptied_cells`",
    ),
    ("`progress`", "once a minute", "`rows`, `total`, `requests`, `bytes`, `seconds`"),
    ("`canary`", "canaries are sent, or were looked for", ""),
    ("`uploaded`", "the upload is over", "rows of each outcome, `requests`, `bytes`, `seconds`"),
    ("`validated`", "the table was checked", "`rows`, `properties`, `error`, `warning`, `hint`"),
    ("`written`, `not_written`", "a file was written, or could not be", "`path`, `rows`"),
    ("`error`, `interrupted`", "why the command fails", "`status`"),
    ("`ended`", "the command ends", "`status`, `seconds`"),
]

COLUMNS_IN_WORDS = {
    "batch": "number of the batch; missing for rows that were left out or never reached",
    "operator": "the verb",
    "start": "position of the first row in the frame",
    "stop": "position after the last row",
    "rows": "number of rows; the column adds up to the length of the frame",
    "updates": "JSON records that the rows make",
    "bytes": "size of the request's body",
    "status_code": "HTTP status of the last answer; missing when none came",
    "outcome": "the worst of the rows' outcomes",
    "accepted": "rows with this outcome; the six counts add up to `rows`",
    "rejected": "likewise",
    "unknown": "likewise",
    "not_sent": "likewise",
    "invalid": "likewise",
    "skipped": "likewise",
    "requests": "requests that are counted here",
    "attempts": "how often the rows were sent",
    "started": "when the first request began (UTC)",
    "elapsed": "seconds from then to the final answer, waits included",
    "reason": "short category, missing for accepted rows",
    "error": "what the server said, without secrets, and what to do",
    "positions": "positions of exceptions, as an array of int64: of all rows of the run, or of those that differ from `outcome`",
    "position_outcomes": "their outcomes",
    "reasons": "their errors",
}


FAULTS_PAGE = """# What happens when...

...something goes wrong on the way. What you see is the outcome in the summary; [What happens to a row](outcomes.md) explains the
outcomes. An operator is idempotent if a profile is the same when an update is applied twice: {idempotent}
are, {others} are not. This page is made from the table that the upload uses.

{faults}

## How an answer is read

- Before a request is sent again there is a pause. The very first connection is tried twice, then the upload ends with `ConnectionFailed`.
- Halving goes down to a single row. It ends when 24 requests in a row are refused with the same text; if that happens before
  anything is accepted, nothing else is sent.
- An attempt that may have been applied turns a later `not_sent` or `rejected` into `unknown`.
- An answer counts only if it is whole and says where it ends; a compressed one is not unpacked. Two statements that contradict each
  other prove nothing. `timeout` bounds the sending of a request, and then its whole answer.
- When as many requests in a row as there are workers have used up their tries without a clear answer, the circuit breaker opens: the
  rest is `not_sent`.
- Several rows of one id (`duplicates="all"`) are sent one after the other. A row is held back (`not_sent`) where the order could be
  lost: an earlier row of its id is `unknown` or `not_sent`, or was sent again after an attempt without a complete answer, which may
  still arrive and undo the later one. A complete 429 or 5xx leaves no such doubt.

## A run that goes on

`df.mixpanel.add("user_id", journal="mp.sqlite", run="2026-11-21")` writes down, on disk, what becomes of each request, before it is made
and after its answer. After a crash, `kill -9` or a power cut the same call goes on: what is accepted is not sent again; what was
refused or not sent is tried again; what was on the wire is sent again where the operator is idempotent, else it is `unknown`. The
summary covers the whole frame.

- A run that has ended sends nothing: the same call returns its summary, which says when it was sent, and that nothing was sent now.
- Without `run`, the operator, the columns and the ids identify the run. The same call goes on until nothing is left to try. After
  that, idempotent operators begin a new run. With the others the same values raise `AlreadySent`, and other values are another run.
  `repeat=True` is refused: name another run to send the same again.
- A `run` whose content has changed is refused, and the message says what changed. `on_changed="remaining"` sends only the ids that have no
  outcome in that run.
- An `unknown` row of an operator that is not idempotent stays `unknown`, and later rows of its id are held back. Look at the profile.
  Then `mpd.settle("mp.sqlite", "2026-11-21", ["ann"], applied=True)` writes down that the row was applied; `applied=False`, that it
  was not. Make the same call again, and the run goes on.
- One file serves one upload at a time. Any other call that opens it, also to read it, raises `JournalError`. So does a call that
  names a file that is empty, damaged or no journal, or that has several hard links. A damaged journal is never taken for a new one.
- Where the journal cannot be written, nothing is sent, and the call raises; where that happens later, nothing else is sent.
- `mpd.read_journal("mp.sqlite")` gives the summary back, and the outcome of each id, once the upload has ended, however it did.
- The file holds ids, names of columns, outcomes and what the server said (without secrets), and of values only fingerprints, whose
  key is made of the token. Only its owner can read it. It is one file, so a copy made between two calls is complete. Do not open it
  from your own code while an upload of the same process writes it: a process that closes a file loses its locks on it. One file
  holds many runs; remove it when you do not need them any more.

## Besides

A wrong token, or that of another project, is answered with success. [Canaries](proof.md) find that out before the bulk is sent.

Ctrl-C and the notebook's stop button end the upload within 5 seconds, with `UploadInterrupted.summary`
([when a call ends early](outcomes.md#when-a-call-ends-early)).

Updates that are not idempotent are reserved before the first byte goes out. If this process has sent the same updates, or is sending
them, the call raises `AlreadySent`. A process remembers 100,000 such uploads in about 50 MB. After that it refuses further ones with an
`OperationError`, because it could no longer tell whether they repeat an upload. A journal keeps its own record, so a process that runs
for months uses `journal=`.

Rows over a limit are `invalid`, and never sent.
"""

#: What goes wrong, in words -> what it proves.
FAULTS_IN_WORDS: tuple[tuple[str, Evidence], ...] = (
    ("the network is down, or the address is mistyped", "no_connection"),
    ("the proxy or TLS refuses", "no_connection"),
    ("too many requests (429)", "rate_limited"),
    ("the body is larger than the server takes (413)", "too_large"),
    ("no access, the wrong host, a redirect (401, 402, 403, 404, 405, 3xx)", "denied"),
    ("the server is overloaded or broken (408, 5xx), or says that its failure is temporary", "unclear"),
    ("a redirect as after a form (303)", "unclear"),
    ("the connection breaks, or the answer is not complete in time", "unclear"),
    ("the answer makes no sense, is cut short, compressed, or does not say where it ends", "unclear"),
    ("the answer contradicts itself (400 with success, success with no record applied)", "unclear"),
    ("a bare `1` to more than one record", "unclear"),
    ("the request is refused as a whole (400, or status 0), and nobody is named", "refused"),
    ("the same, and the answer counts 0", "none_applied"),
    ("a bare `0`, which says that no record is valid; an address that is too long (414)", "none_valid"),
    ("some records are named", "named"),
    ("some records are named, and all others counted", "named_rest_applied"),
    ("some records are named, and the answer counts 0", "named_none_applied"),
)

#: What follows -> what you see, in the end with this outcome.
ACTIONS_IN_WORDS: dict[FollowUp, str] = {
    "accept": "the named rows are `rejected`, the others `accepted`",
    "retry": "tried again, at most 8 times; then `{last}`",
    "halve": "each half is sent by itself; a single row is `{last}`",
    "bisect": "halved to find the rows at fault; these are `{last}`, or `unknown` where they may have been applied before",
    "reject": "`{last}`, and not tried again",
    "again": "the named rows are `rejected`, the others are sent once more; then `{last}`",
    "stop": "the batch is `{last}`, all the rest `not_sent`",
    "unknown": "`unknown` at once (named rows: `rejected`)",
}


#: What is said only where records are named.
NAMED = " (named rows: `rejected`)"


def verbs_in_words(*, idempotent: bool) -> str:
    """Return the verbs that are idempotent, or the others, as a list in words."""
    *names, last = [f"`{verb}`" for verb, operator in OPERATORS.items() if operator.idempotent == idempotent]
    return f"{', '.join(names)} and {last}"


def flag_of(row: CommandOption) -> str:
    """Return an option as it is mostly typed."""
    if row.kind == "switch":
        return f"--{row.key}"
    if row.kind == "flag":
        return {True: f"--no-{row.key}", None: f"--{row.key}, --no-{row.key}"}.get(
            row.default, f"--{row.key}"
        )
    value = row.metavar or "/".join(row.choices) or row.kind.upper()
    return f"--{row.key} {value}" + (f", --no-{row.key}" if row.off else "")


def pages() -> dict[Path, str]:
    """Return path -> text of each page."""
    idempotent, others = verbs_in_words(idempotent=True), verbs_in_words(idempotent=False)
    checks = table(
        ["check", "looks at", "severity", "limit", "what is wrong, and what would be right", "source"],
        [
            [link_to(row.name), row.of, row.severity, row.limit_text or "", row.says, f"[page]({row.source})"]
            for row in CHECKS.values()
        ],
    )
    columns = table(
        ["column", "dtype", "what it tells"],
        [[f"`{name}`", dtype, COLUMNS_IN_WORDS[name]] for name, dtype in COLUMNS.items()],
    )
    faults = table(
        [
            "what happens",
            idempotent.replace("`", ""),
            others.replace("`", ""),
            "what Mixpanel may hold",
            "what to do next",
        ],
        [
            [
                words,
                *(
                    ACTIONS_IN_WORDS[action]
                    .format(last=row.last)
                    .replace(NAMED, NAMED * (evidence in NAMING))
                    for action in (row.idempotent, row.otherwise)
                ),
                "the updates, or some of them" if row.may_be_applied else "nothing of them",
                row.remedy,
            ]
            for words, evidence in FAULTS_IN_WORDS
            for row in [REACTIONS[evidence]]
        ],
    )
    readings = table(
        ["reading", "reads", "refuses"],
        [
            [", ".join(f"`{example}`" for example in row.examples), row.reads, row.refuses]
            for row in READINGS.values()
        ],
    )
    sets = table(
        ["name", "texts"],
        [[f"`{name}`", ", ".join(f"`{text}`" for text in sorted(texts))] for name, texts in NA_TEXTS.items()],
    )
    selectors = table(
        ["operator or function", "what it is", "source"],
        [
            [
                f"`{name}`" if operands == 2 else f"`{name} x`" if row.level else f"`{name}(x)`",
                row.says,
                row.source,
            ]
            for (name, operands), row in FUNCTIONS.items()
        ],
    )
    parameters = table(
        ["endpoint", "parameters"],
        [
            [f"`{endpoint}`", ", ".join(f"`{name}`" for name in sorted(names))]
            for endpoint, names in PARAMETERS.items()
        ],
    )
    refused = ", ".join(f"`{name}` ({why})" for name, why in REFUSED_PARAMETERS.items())
    paths = ", ".join(f"`{path}`" for path in READS)
    status = table(
        ["status", "when", "what to do"],
        [[f"{number:d}", *words] for number, words in STATUS_IN_WORDS.items()],
    )
    every_option = [*EVERY_OPTION.values(), OF_GUARDS["new_properties"], *REPORT]
    options = "\n\n".join(
        f"### {heading}\n\n"
        + table(
            ["option", "what it does"],
            [[f"`{flag_of(row)}`", row.does] for row in every_option if row.heading == heading],
        )
        for heading in HEADINGS
    )
    sources = table(["TABLE", "what is read"], [list(row) for row in SOURCES_IN_WORDS])
    events = table(["event", "when", "with"], [list(row) for row in EVENTS_IN_WORDS])
    junk = ", ".join(f"`{word}`" for word in JUNK_IDS)
    return {
        **reference_pages(),
        HERE / "checks.md": CHECKS_PAGE.format(checks=checks, junk=junk),
        HERE / "emulator.md": EMULATOR_PAGE.format(
            selectors=selectors, parameters=parameters, refused=refused, paths=paths
        ),
        HERE / "command-line.md": COMMAND_LINE_PAGE.format(
            sources=sources, status=status, events=events, options=options
        ),
        HERE / "faults.md": FAULTS_PAGE.format(faults=faults, idempotent=idempotent, others=others),
        HERE / "reading.md": READING_PAGE.format(readings=readings, na=sets),
        HERE / "outcomes.md": OUTCOMES_PAGE.format(columns=columns),
    }


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
