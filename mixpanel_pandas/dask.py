"""``ddf.mixpanel`` for Dask: ``import mixpanel_pandas.dask`` registers it.

The verbs are those of `MixpanelAccessor`. Each acts at once: the cluster computes the partitions, this process takes them in their
order and sends them. They return pandas, such as the summary.

Examples
--------
>>> import dask.dataframe as dd
>>> import mixpanel_pandas.dask
>>> ddf = dd.from_pandas(pd.DataFrame({"user_id": ["ann", "bob"], "logins": [1, 2]}), npartitions=2)
>>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
...     summary = ddf.mixpanel.add("user_id")
...     emulator.profile("bob")
{'logins': 2}
"""

from __future__ import annotations

from dask.dataframe.extensions import register_dataframe_accessor

from mixpanel_pandas.accessors import accessor

__all__: list[str] = []

register_dataframe_accessor("mixpanel")(accessor)
