"""How many examples the tests with generated data try."""

from __future__ import annotations

from hypothesis import settings


def examples(number: int) -> int:
    """Return how many examples a test tries: the profiles of `conftest.py` scale `number`.

    The quick subset tries 20 %, all tests 30 %, the profile ``thorough`` thirty times as many.
    """
    return max(5, number * settings().max_examples // 100)
