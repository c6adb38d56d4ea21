"""What an emulator holds, put there without any request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import mixpanel_pandas as mpd

__all__ = ["hold"]


def hold(emulator: mpd.Emulator, profiles: Mapping[str, dict[str, Any]], group: str | None = None) -> None:
    """Let an emulator hold exactly these profiles of users, or of a group key."""
    store = emulator._store
    store.kinds[emulator.token, group] = {key: dict(properties) for key, properties in profiles.items()}
    store.version += 1
