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
    from mixpanel_pandas.delivery.policy import FollowUp, Reaction

HERE = Path(__file__).parent

CHECKS_PAGE = """# What is checked

Every row of a frame is checked before anything is sent. A value with an **error** is never sent: by default the whole frame is refused, and
`invalid=` can drop the row or the value, or cut the string, instead. Values with **warnings** and **hints** are sent. `df.mixpanel.validate`
lists all findings.

Each check links to its explanation, with an example; `mpd.explain` and `mixpanel-pandas explain` show the same text. The
numbers come from [Limits](limits.md). This page is generated from the table that the checks use.

## Checks

{checks}

## What Mixpanel has

A mistyped column creates a new property, without any error from Mixpanel. `known=` names the properties that exist in Mixpanel. The checks
`new_property`, `absent_property`, `type_drift`, `no_list` and `no_number` compare the frame with them. Without `known=` these checks do not run.

| `known=` | the properties are |
| --- | --- |
| `True` | those of the project, or of the group key. The check reads them in one query, which needs a [service account](read-profiles.md) |
| a frame, or a file that `mpd.frame` reads | the rows. The column `name` is required; the column `type` is needed to compare types |
| `{{"plan": "string", "seats": "number"}}` | the keys, with their types |
| `["plan", "seats"]` | the names; types are not compared |

- Types are `string`, `number`, `boolean`, `date` (or `datetime`), `list` and `object`. Any other type is not compared.
- Names are compared as they are sent: after `rename`, `spread` and `trim`. Mixpanel's own properties are always known.
- `new_property` suggests a similar name: one that differs only in case, blanks and punctuation, in one letter, or in two swapped letters.
- `new_properties="raise"` turns `new_property` into an error. `invalid={{"new_property": "drop_value"}}` leaves such
  properties out. The same works for `type_drift`, `no_list` and `no_number`.
- Mixpanel answers `$union`, `$append` and `$remove` with success even if the property is not a list, and changes nothing. `no_list` warns of that.

## Placeholder ids

`junk_id` refuses these ids, in any case and with outer blanks: {junk}.
"""

EMULATOR_PAGE = """# The emulator

`mpd.Emulator` is a Mixpanel on this machine, for tests, notebooks and first steps. It stores profiles, applies every operator as documented,
answers queries, and [simulates failures](#simulating-failures). Nothing leaves this machine.

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

Other clients run against it unchanged: the tests use `mixpanel`, `mixpanel-utils`, `mixpanel-headless`, the Singer tap and Airbyte's
source. Where Mixpanel's documentation is silent, the emulator has to choose, and a comment in the code says so. Such a choice is not a fact
about Mixpanel. [`poe live`](live.md) compares the emulator with a real project.

## What it answers

- `/engage` and `/groups`: updates, as JSON, as a form, and as the form in plain text that Mixpanel's SDK for browsers sends.
- {paths}: queries, with GET and POST, in the address, a form or JSON. They need `emulator.service_account` and the `project_id`, or
  `emulator.project_secret` alone.

Web pages of any origin can read the answers (CORS).

## Where it listens

`emulator.start()` listens on a free port of 127.0.0.1; `emulator.url` is the address. If two processes must agree on an address,
choose the port: `emulator.start(8001)`, or in a terminal

```sh
mixpanel-pandas emulator --port 8001 --token 0123456789abcdef0123456789abcdef
```

Other machines cannot reach it. With `emulator.adapter()` it needs no socket.

## Sessions and ids

A query for page 0 opens a **session**: a snapshot of the profiles. Queries with the same parameters, `session_id` and `page` read its other pages.
Only page 0 counts as one of the 60 queries in an hour, and five queries run at once. Further queries get a 429 with Mixpanel's headers.

A query finds a profile only by its canonical id. `emulator.add_alias("ann@example.org", "ann")` gives a user a second id, which updates can
use. `emulator.add_cohort("paying", ["ann"])` returns the number for `filter_by_cohort`.

## Switches

| option | default | what it does |
| --- | --- | --- |
| `token` | a random one | the project token; records with another token are answered with success and are not stored |
| `strict` | `StrictShape()` | the shape of answers to `strict=1`; only that of success is known |
| `page_size` | 1000 | the most profiles on a page |
| `queries_per_hour` | 60 | further queries get a 429 |
| `session_seconds` | 3600 | how long a session can be read after its latest page |
| `read_delay` | 0 | seconds until queries see an update |
| `whole_seconds` | `False` | dates are returned in whole seconds, as Mixpanel exports them |
| `timezone` | `"UTC"` | the time zone of the project, for dates in a selector |
| `history` | all | how many of the latest requests are kept |
| `clock` | `time.time` | seconds since 1970 |

## Selectors

`where` and `selector` take an expression. It consists of properties (`properties["plan"]` or `user["plan"]`), strings in double quotes
(with a backslash before quotes and backslashes), numbers, `true` and `false`, lists of these in brackets, `NOW` (seconds since 1970), and
the operators and functions of this table. An invalid expression is answered with 400. A property that a profile does not have is undefined,
and so is an operation on values of the wrong type. A query finds the profiles for which the expression is true.

{selectors}

Sources: the [page of Mixpanel](https://docs.mixpanel.com/reference/segmentation-expressions), and what clients rely on. According to
`mixpanel-headless`, queries of profiles do not support `*`, `/`, `%`, `floor`, `round`, `ceil` and `boolean`. The emulator evaluates everything that
is documented.

## Parameters

The emulator refuses parameters that are not in this table, so that none is silently ignored.

{parameters}

It also refuses some parameters that Mixpanel has: {refused}.

## Simulating failures

Examples are `emulator.fail(429)`, `emulator.fail("reset", applied=True)` and `emulator.fail(503, on="read", times=None)`. The docstring of
`Emulator.fail` lists all faults.
"""

READING_PAGE = """# Reading text

`parse={{column: reading}}` converts the text of a column to numbers, dates, booleans, lists or JSON. A reading is a name, optionally followed
by a colon and a detail. On the command line it is `--parse amount=number`. This page is generated from the table that the verbs use.

```python
df.mixpanel.set("user_id", parse={{"amount": "number:1.234,5", "born": "date:dd/mm/yyyy", "tags": ";"}})
```

{readings}

- Without `parse=`, the text of a frame is sent as text. Only from a CSV file does `mpd.frame` infer numbers, booleans and ISO dates, if
  [no digit is lost](files.md#types-in-a-csv-file). The [cookbook](cookbook.md) has examples.
- Blank text is missing, except with `text`.
- Text that cannot be parsed is an error, such as `unreadable`, with its row and value: see [What is checked](checks.md). `invalid=` decides
  what happens to it.
- If a column already has the type, it does not change. A column of another type is an error. In a column of several types, only the text
  is parsed.
- All values of a column get one type: integers, unless one value has decimals; dates, unless one value has a time. A time
  without a time zone is taken as UTC, with a warning.
- A separator alone, such as `";"`, is a list, too. Then quotes have no special meaning.
- An integer beyond 64 bits is sent as text, to keep its digits, with the warning `inexact_integer`.
- Columns of a JSON dtype (BigQuery's `dbjson`, Arrow's `arrow.json`) are sent as JSON; `parse={{column: "text"}}` sends their text.

## Hints about text

If all texts of a column look like numbers, dates, yes and no, lists or JSON, a hint suggests the reading:

```text
the text looks like numbers ('1,234.50', '7.00' in 2 rows): parse={{'amount': 'number:1,234.5'}} converts it
```

If two readings fit, as for `05/07/2023`, the hint suggests both. `parse={{"amount": "text"}}` confirms that the column is text, and removes the hint.
Possible codes get no hint: leading zeros, `+15550100`, `1e5`, versions such as `1.10` beside `1.9`, digits of the same length,
columns with names such as `zip_code` or `order_id`, and properties that are text in Mixpanel. ISO dates in UTC get no hint either, because
Mixpanel reads them as dates.

## Texts that mean missing

`na=["-", "?"]` treats these ids and values as missing, before `parse` is applied. The case must match; outer blanks are ignored. On the command line
it is `--na - --na "?"`. There are two predefined sets, which you can combine with other texts: `na=["common", "-"]`.

{na}

`common` does not contain texts that are also words or names, such as `NA` for Namibia. Without `na=` all texts are values. The hint
`missing_as_text` reports text that is in `common`, a dash, or a spreadsheet error such as `#REF!`.

## Blanks and invisible characters

`trim=True` removes outer blanks and invisible characters from ids, property names and text: zero-width spaces, soft hyphens,
byte order marks and direction marks. Items of lists and texts in objects do not change.
"""

OUTCOMES_PAGE = """# What happens to a row

Each row of the frame has one outcome:

| outcome | meaning | what to do |
| --- | --- | --- |
| `accepted` | Mixpanel answered with success. It does not verify the token: [canaries](proof.md) do. | nothing |
| `rejected` | Mixpanel refused the update and did not apply it. | correct it, send it again |
| `unknown` | The update may have been applied: there was no answer, or no clear one. | [idempotent](operators.md#how-they-differ) operators: send it again; others: look at the profile first |
| `not_sent` | The update was not sent, or certainly not applied. | send it again |
| `invalid` | A check found an error, such as a bad id or a value over a limit. The row was not sent. | correct it, send it again |
| `skipped` | There was nothing to send, for example because a later row has the same id, or because the row has no value. | nothing |

`df.mixpanel.failures(summary)` returns the rows to send again, unchanged or corrected. [What happens when...](faults.md) shows which
outcome follows from which fault.

## The summary

A verb returns a frame, the summary. A row of it stands for rows with the same final answer (a batch, or a part of one), or for all rows
that were left out for one reason. With `mpd.upload` the summary also counts malformed records of the source, with the reason `malformed
record`; their `start` and `stop` are the end of the frame.

`mpd.totals(summary)` adds the summary up. `df.mixpanel.outcomes(summary)` returns the outcome of each row of the frame. To use them later in another
process, save the summary as Parquet.

{columns}

If `positions` is missing or has fewer entries than `rows`, the row of the summary stands for all rows between `start` and `stop` that no other row
lists. So the summary of ten million rows with 1 % scattered bad ones takes only one or two MB.

`summary.attrs["mixpanel"]` records where the rows went: `place` is the region or the host (`dry run` if nothing was sent),
`token_fingerprint` is the `project.fingerprint` of the project, and `backup` is the file with what `unset` or `delete` has removed
([Undo](undo.md)).

## When a call ends early

A call can end early: by Ctrl-C, an exception that a signal handler raises, a soft time limit, `SystemExit`, a thread that cannot be
started, or a bug. Then it sends nothing more, waits 5 seconds for the answers to requests in flight, and closes the connections. Only then, when no
worker can send any more, it makes the summary. What it cannot confirm is `unknown`.

| event | what the call raises | where the summary is |
| --- | --- | --- |
| Ctrl-C, the notebook's stop button | `UploadInterrupted`, even if SIGINT has another handler, which is called once afterwards | `.summary` |
| an `Exception`, such as that of a soft time limit | `UploadError` from it | `.summary` |
| `SystemExit` and the like | the same exception | `mpd.last_summary()` |
| SIGTERM, on the command line | exit status 143 | printed and written, as after Ctrl-C |

After a second Ctrl-C, the call no longer waits for answers. If a progress bar or a log handler fails, it is switched off and the upload
continues.
"""


#: Column of the summary -> what it tells.
COMMAND_LINE_PAGE = """# The command line

`mixpanel-pandas` runs the verbs on tables, by hand and as scheduled jobs. `python -m mixpanel_pandas` is the same command. The tests run the
commands and job files of this page. Its tables are generated from those that the commands use.

```sh
mixpanel-pandas validate set users.csv --id user_id
mixpanel-pandas payloads set users.csv --id user_id --first 3
mixpanel-pandas set users.csv --id user_id --rename reserved --emulator
mixpanel-pandas set users.csv --id user_id --rename reserved
```

- `validate` shows each finding with its count, the first rows and their values. `payloads` shows what would be sent, as JSON Lines.
  `inventory` shows the contents of the columns. These three send nothing and need no project.
- `mixpanel-pandas set --help` lists the options of a verb. `mixpanel-pandas completion bash` (or `zsh`, `fish`) prints a script for
  shell completion.
- `mixpanel-pandas explain long_string` explains a check or an error: see [Errors and checks](errors.md).
- With `--emulator`, a verb writes to an emulator that ends with the command. `mixpanel-pandas emulator` runs an emulator until Ctrl-C.
  It prints the address, the token and the service account for other commands. `--port 8001` sets the port of the address.

## Tables

{sources}

The columns of a CSV file become numbers, booleans or dates only if no digit is lost. With `--no-infer`, all columns stay
text. `--parse amount=number` converts the text of a column: see [Reading text](reading.md). [Files and streams](files.md) explains
formats, endings and malformed records.

## The project

The command uses the first of these that sets a token or a region:

1. `--token` and `--region`. `--token` gives a warning, because every user of the machine can see it.
2. `--project project.toml`. Make this file readable only for the job:

   ```toml
   token = "0123456789abcdef0123456789abcdef"
   region = "eu"
   ```

   Its keys are the parameters of `mpd.Project`: `token`, `region` or `url`, `timeout`, `retries`, `backoff`. To read profiles, as with
   `--known true`, add `username`, `secret`, `project_id` and `group_keys`.
3. The environment: `MIXPANEL_TOKEN`, and `MIXPANEL_REGION` or `MIXPANEL_URL`.

## Jobs

A job is a TOML file with a complete call. You can review it in git, and it is all that a scheduler needs. `--save-job` writes it and
sends nothing; the [preview](preview.md) can write it, too:

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

- The keys are `source`, `verb`, and the options without dashes. An option that can be repeated is a list or a table. A flag
  is `true` or `false`. An unknown key is an error.
- A job infers no types, so a table is parsed the same way every day. `--save-job` writes the types of the current table to
  `[parse]`. `infer = true` turns inference on.
- `new-properties = "raise"` refuses a table with properties that are not in `known`. `known` is `true` to ask Mixpanel, or the path of
  a table of properties. It can also be a list of names or a table of types in the job itself, so that new properties are reviewed, too:

  ```toml
  new-properties = "raise"

  [known]
  plan = "string"
  credits = "number"
  ```

- Paths are relative to the folder of the job.
- Options on the command line, after `run users.toml` or beside `--job users.toml`, override those of the job. Pairs such as those of
  `--parse` are added to those of the job.
- A job contains no token.
- In the name of a run, `{{date}}` is replaced by today's date, and `{{hour}}` by the current hour in UTC, such as `2026-11-21T14Z`. With a
  journal and `run = "users-{{date}}"`, a second start on the same day sends only the rows that are left. The next day is a new run and
  sends everything. If a retry may come after midnight, set the run: `mixpanel-pandas run users.toml --run users-2026-11-21`.

### A job that sends what has changed

With `since`, a job keeps a file of the values that Mixpanel last accepted, and sends only what differs. The same table sends nothing the
second time. The job reads no profiles and needs no service account. The file contains ids and values, and belongs to one project. Only one
run uses it at a time: a second one ends with status 2 and sends nothing.

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

- `mirror` removes values that a row no longer has, and properties that the job wrote and that are no longer in the table. It never changes other
  properties.
- The guards (`at-most-...`) refuse a truncated table before anything is sent, with status 4. To allow more once: `run users.toml --at-most-share 1`.
- Rows that were not accepted are sent again the next time. If the job was killed, all rows are sent again.
- `backup` is a file for the previous values of the profiles. They are read for it, which needs a service account.

## Plans

A [plan](plan.md) is a file with each value that a table would change, before and after. You review it and then apply it.

```sh
mixpanel-pandas plan set edited.csv --id user_id --to plan.parquet
mixpanel-pandas show plan.parquet
mixpanel-pandas show plan.parquet --markdown --rows 100
mixpanel-pandas drift plan.parquet
mixpanel-pandas apply plan.parquet --at-most 1000 --new-properties raise
mixpanel-pandas undo plan.backup.parquet --to undo.parquet
mixpanel-pandas apply undo.parquet
```

- `plan` reads the profiles of the table, which needs a service account, and prints how much would change. With `--current` it uses profiles
  that you have read before. With `--since` it uses the values that were last accepted, and reads nothing. `plan --job users.toml` plans the
  call of a job.
- `show` prints the changes of a plan or the contents of a backup; `--markdown` is for a pull request.
- `apply` reads the profiles again and leaves out those that somebody has changed since; with `--drift raise` it refuses the plan. `drift` lists
  these changes. Then `apply` writes the current values to `plan.backup.parquet` (unless `--no-backup`), and sends the planned changes.
- `apply` keeps a journal, `plan.parquet.journal`. If it is stopped or killed, the same command resumes and adds nothing twice.
- `undo` makes a plan from a backup. Show and apply it like any other plan.

Plans and backups contain ids and values of profiles, and no token.

## Exit status

{status}

- Skipped rows and the rows of a dry run are not failures. `validate` ends with 1 if it finds an error.
- After 3, nothing was accepted, and it is safe to run the same command again. So `add`, `append` and `remove` end with 1 if a row is
  `unknown`.
- If a file of `--summary` or `--failures` cannot be written, the command ends with 1, unless another status is more important.
- `apply` ends with 1 if it leaves out changed profiles; `drift` ends with 4 if it finds such profiles.
- `emulator` ends with 0 after Ctrl-C, and with 2 if its port is in use.

## The log

A terminal shows a progress bar. Otherwise standard error gets a line for each event, with a UTC time stamp. With `--quiet` it gets only
warnings and errors, and no tables are printed; if rows fail, a warning counts the outcomes. With `--log-format json`, each line is an
object:

```json
{{"time":"2026-11-21T03:15:09Z","level":"info","event":"uploaded","message":"set: 59 accepted; ...","accepted":59,"rejected":0, ...}}
```

{events}

`--summary` writes the summary, `--failures` the rows to send again, to a `.parquet`, `.csv` or `.jsonl` file. `-` is
standard output, as JSON Lines; the printed tables then go to standard error.

## Recipes

### cron

With `--quiet` a successful job prints nothing, so cron sends no mail. `{{date}}` in the job avoids `%`, which a crontab would have to escape.

```sh
15 3 * * *  mixpanel-pandas run /srv/jobs/users.toml --quiet
```

With `project = "/etc/mixpanel.toml"` in the job, cron needs no environment variables. While an upload is running, a second one with the same journal
is refused with status 2.

### systemd

The service retries only after statuses for which a retry helps. SIGTERM ends the upload, and every row is accounted for.

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

The name of the run contains the date of the task, so a retry resumes the run, even after midnight.

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

Each verb has only some of these options. `mixpanel-pandas add --help` lists those of `add`.

{options}
"""

SOURCES_IN_WORDS = [
    ("`users.csv`, `users.parquet`", "a file, plain or compressed"),
    (
        "`a.csv b.csv`, `'data/*.csv'`, `data/`",
        "several files, a glob, a folder: in the order of their names",
    ),
    ("`-`", "standard input, with `--format`"),
    ("`s3://bucket/users.parquet`", "an address of fsspec, if the library of its protocol is installed"),
]

EVENTS_IN_WORDS = [
    ("`started`", "the command began", "`command`"),
    ("`inferred`", "columns of a CSV became numbers, booleans or dates", "`parse`"),
    ("`malformed`", "malformed records were left out", "`records`"),
    ("`backslashes`", "two backslashes are read as one, and the file has single ones, too", ""),
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
    "batch": "number of the batch; missing for rows that were left out or not reached",
    "operator": "the verb",
    "start": "position of the first row in the frame",
    "stop": "position after the last row",
    "rows": "number of rows; the column adds up to the length of the frame",
    "updates": "JSON records that the rows make",
    "bytes": "size of the request's body",
    "status_code": "HTTP status of the last answer; missing when none came",
    "outcome": "the worst outcome of the rows",
    "accepted": "rows with this outcome; the six counts add up to `rows`",
    "rejected": "likewise",
    "unknown": "likewise",
    "not_sent": "likewise",
    "invalid": "likewise",
    "skipped": "likewise",
    "requests": "number of requests",
    "attempts": "how often the rows were sent",
    "started": "when the first request began (UTC)",
    "elapsed": "seconds from `started` to the final answer, pauses included",
    "reason": "short category, missing for accepted rows",
    "error": "the text of the server, without secrets, and what to do",
    "positions": "array of int64: the positions of all these rows, or of those whose outcome differs from `outcome`",
    "position_outcomes": "the outcomes of the rows in `positions`",
    "reasons": "the errors of the rows in `positions`",
}


FAULTS_PAGE = """# What happens when...

...something goes wrong during an upload. The table shows which [outcome](outcomes.md) follows. The outcome depends on the verb:
{idempotent} are [idempotent](operators.md#how-they-differ), {others} are not. The
table is generated from the one that the upload uses.

{faults}

## Retries and answers

- There is a pause before each retry. The very first connection is tried twice; then the upload ends with `ConnectionFailed`.
- Halving goes down to a single row. It stops when 24 requests in a row are refused with the same text. If that happens before
  anything is accepted, nothing else is sent.
- If an earlier attempt may have been applied, a row is `unknown`, even if a later attempt was refused or not sent.
- An answer counts only if it is complete, shows where it ends and is not compressed. An answer that contradicts itself proves nothing.
  `timeout` limits the time to send a request, and then the time to receive its whole answer.
- The circuit breaker opens when requests in a row, as many as there are workers, have used up their retries without a clear answer. The
  remaining rows are `not_sent`.
- With `duplicates="all"`, the rows of an id are sent one after the other. A row is not sent (`not_sent`) if the order could be lost:
  because an earlier row of its id is `unknown` or `not_sent`, or because an earlier row was sent again after an attempt without a complete
  answer. That attempt may still arrive and undo the later row. After a complete 429 or 5xx, there is no such risk.

## Resuming an upload

With `df.mixpanel.add("user_id", journal="mp.sqlite", run="2026-11-21")` a file, the journal, records each request before it is sent and
after its answer. After a crash, `kill -9` or a power cut, make the same call again. It resumes the run:

| in the journal, the row is | the same call |
| --- | --- |
| accepted | does not send it again |
| refused or not sent | sends it again |
| in a request that was in flight | sends it again if the operator is idempotent; otherwise the row is `unknown` |

The summary covers the whole frame.

- If the run is complete, the same call sends nothing and returns the summary, which says when it was sent.
- Without `run=`, the operator, the columns and the ids identify the run. When the run is complete, an idempotent operator begins a new one.
  An operator that is not idempotent raises `AlreadySent` if the values are the same, and begins a new run if they differ. `repeat=True` is
  refused: use another `run=` to send the same again.
- If the content of a `run=` has changed, the call is refused, and the message says what changed. `on_changed="remaining"` sends only the
  ids that have no outcome in that run.
- If the operator is not idempotent, an `unknown` row stays `unknown`, and later rows of its id are not sent. Look at the profile. Then
  record that the update was applied with `mpd.settle("mp.sqlite", "2026-11-21", ["ann"], applied=True)`, or that it was not with
  `applied=False`. Make the same call again, and the run resumes.
- Only one upload at a time can use a journal. Any other call that opens it, even to read it, raises `JournalError`. So does a
  file that is empty, damaged or not a journal, or that has several hard links. A damaged journal is never replaced by a new one.
- If the journal cannot be written, the call raises and sends nothing. If that happens during the upload, it sends nothing more.
- `mpd.read_journal("mp.sqlite")` returns the summary and the outcome of each id, once the upload has ended in any way.
- The journal contains ids, column names, outcomes, the texts of the server (without secrets), and fingerprints of the values. The key of the
  fingerprints is derived from the token. Only the owner of the file can read it.
- The journal is one file, so a copy made between two calls is complete. Do not open it from your own code while the same process
  uploads: a process that closes a file loses its locks on it.
- One file can hold many runs. Delete it when you no longer need them.

## Other cases

A wrong token, or that of another project, is answered with success. [Canaries](proof.md) detect that before the bulk of the rows is sent.

Ctrl-C and the notebook's stop button end the upload within 5 seconds, with `UploadInterrupted.summary`
([when a call ends early](outcomes.md#when-a-call-ends-early)).

A process refuses to send the same updates of `add`, `append` or `remove` twice: the call raises `AlreadySent`. For that it remembers
100,000 such uploads, in about 50 MB. After that it refuses further ones with an `OperationError`, because it could no longer detect a
repetition. A process that runs for months should use `journal=`, which keeps its own record.
"""

#: What goes wrong, in words -> what it proves.
FAULTS_IN_WORDS: tuple[tuple[str, Evidence], ...] = (
    ("the network is down, or the address is mistyped", "no_connection"),
    ("the proxy or TLS refuses", "no_connection"),
    ("too many requests (429)", "rate_limited"),
    ("the body is larger than the server allows (413)", "too_large"),
    ("no access, the wrong host, a redirect (401, 402, 403, 404, 405, 3xx)", "denied"),
    ("the server is overloaded or broken (408, 5xx), or reports a temporary failure", "unclear"),
    ("a redirect with 303 See Other", "unclear"),
    ("the connection breaks, or the answer is not complete in time", "unclear"),
    ("the answer cannot be parsed, is cut short or compressed, or does not show where it ends", "unclear"),
    ("the answer contradicts itself (400 with success, success with no record applied)", "unclear"),
    ("the answer to more than one record is a bare `1`", "unclear"),
    ("the request is refused as a whole (400, or status 0), and the answer names no record", "refused"),
    ("the same, and the answer counts 0 applied records", "none_applied"),
    ("a bare `0`, which means that no record is valid; an address that is too long (414)", "none_valid"),
    ("the answer names the records at fault", "named"),
    ("the answer names the records at fault, and counts all others as applied", "named_rest_applied"),
    ("the answer names the records at fault, and counts 0 applied records", "named_none_applied"),
)

#: What follows -> what you see, in the end with this outcome.
ACTIONS_IN_WORDS: dict[FollowUp, str] = {
    "accept": "the named rows are `rejected`, the others `accepted`",
    "retry": "retried, at most 8 times; then `{last}`",
    "halve": "each half is sent by itself; a single row is `{last}`",
    "bisect": "halved to find the rows at fault; these are `{last}`, or `unknown` if an earlier attempt may have been applied",
    "reject": "`{last}`, and not retried",
    "again": "the named rows are `rejected`; the others are sent once more, and are then `{last}`",
    "stop": "the batch is `{last}`, all remaining rows are `not_sent`",
    "unknown": "`unknown` at once (named rows: `rejected`)",
}


#: What is said only where records are named.
NAMED = " (named rows: `rejected`)"


def verbs_in_words(*, idempotent: bool) -> str:
    """Return the verbs that are idempotent, or the others, as a list in words."""
    *names, last = [f"`{verb}`" for verb, operator in OPERATORS.items() if operator.idempotent == idempotent]
    return f"{', '.join(names)} and {last}"


def remedies_in_words(row: Reaction) -> str:
    """Return what the user can do; where it depends on the operator, once for each kind."""
    if not row.idempotent_remedy:
        return row.remedy
    return f"idempotent operators: {row.idempotent_remedy}<br><br>other operators: {row.remedy}"


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
            "what Mixpanel may have applied",
            "what to do next",
        ],
        [
            [
                "<br><br>".join(words for words, of in FAULTS_IN_WORDS if of == evidence),
                *(
                    ACTIONS_IN_WORDS[action]
                    .format(last=row.last)
                    .replace(NAMED, NAMED * (evidence in NAMING))
                    for action in (row.idempotent, row.otherwise)
                ),
                "all or some of the updates" if row.may_be_applied else "none of the updates",
                remedies_in_words(row),
            ]
            for evidence in dict.fromkeys(evidence for _words, evidence in FAULTS_IN_WORDS)
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
