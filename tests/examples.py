"""How many examples the tests with generated data try."""

from __future__ import annotations

from hypothesis import settings


def examples(number: int) -> int:
    """Return how many examples a test tries: the profiles of `conftest.py` scale `number`.

    The quick subset tries a fifth, all tests half, the profile ``thorough`` thirty times as many.
    """
    return max(5, number * settings().max_examples // 100)
