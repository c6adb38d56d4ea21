"""What Mixpanel publishes about profiles, as tables: operators, limits, and the checks that walk them."""

from __future__ import annotations
