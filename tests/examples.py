"""How many examples the tests with generated data try."""

from __future__ import annotations

from hypothesis import settings


def examples(whole: int) -> int:
    """Return how many examples to try of a test that tries `whole` of them in the whole suite.

    The profiles of `conftest.py` scale the number: ``quick`` tries a fifth, ``thorough`` thirty times as many.
    """
    return max(5, whole * settings().max_examples // 100)
