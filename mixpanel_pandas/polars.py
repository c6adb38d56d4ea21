"""``df.mixpanel`` for Polars: ``import mixpanel_pandas.polars`` registers it for data frames and lazy frames.

The verbs are those of `MixpanelAccessor`. Each reads the frame through `frame` and returns pandas, such as the summary.

Examples
--------
>>> import polars as pl
>>> import mixpanel_pandas.polars
>>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
...     summary = pl.DataFrame({"user_id": ["ann"], "plan": ["pro"]}).mixpanel.set("user_id")
...     emulator.profile("ann")
{'plan': 'pro'}
"""

from __future__ import annotations

import polars as pl

from mixpanel_pandas.accessors import accessor

__all__: list[str] = []

pl.api.register_dataframe_namespace("mixpanel")(accessor)
pl.api.register_lazyframe_namespace("mixpanel")(accessor)
