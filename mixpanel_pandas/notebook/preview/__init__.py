"""One operation before it is sent: what it maps, what is wrong, what goes over the wire, and the button that sends it."""

from __future__ import annotations
