from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixpanel_pandas.delivery.redaction import redact

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(f"bad {TOKEN}!", "bad ***!", id="as it is"),
        pytest.param(f"bad {TOKEN.upper()}!", "bad ***!", id="in capitals"),
        pytest.param("".join(f"%{ord(c):02X}" for c in TOKEN), "***", id="percent-coded"),
        pytest.param(f"bad {TOKEN[:20]}", "bad ***", id="its first part"),
        pytest.param(f"{TOKEN[9:]} bad", "*** bad", id="its last part"),
        pytest.param(f"\x00{TOKEN[:9]}\x07{TOKEN[9:]}\u202e", "***", id="control characters within"),
        pytest.param("a\r\n\tb\x1b[31m", "a b[31m", id="control characters"),
        pytest.param("x" * 300, "x" * 199 + "…", id="too long"),
        pytest.param(
            "x" * 190 + TOKEN + "y" * 100, "x" * 190 + "***" + "y" * 6 + "…", id="a token at the cut"
        ),
        pytest.param("y" * 4000 + TOKEN, "y" * 199 + "…", id="a token behind what is looked at"),
        pytest.param(quote("p&ss wörd"), "***", id="URL-coded"),
    ],
)
def test_redact(text, expected):
    assert redact(text, (TOKEN, "p&ss wörd")) == expected


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_no_piece_of_a_token_survives_in_base64(before, after):
    coded = base64.b64encode(before + TOKEN.encode() + after).decode()
    left = redact(f"echo {coded}", (TOKEN,))
    assert "***" in left
    for piece in left.removeprefix("echo ").split("***"):
        for shift in range(4):
            whole = piece[shift : shift + (len(piece) - shift) // 4 * 4].rstrip("=")
            assert TOKEN[:8].encode() not in base64.b64decode(whole + "=" * (-len(whole) % 4))


@given(st.text(max_size=400), st.integers(0, 31), st.integers(0, 32))
def test_redacted_text_is_short_printable_and_without_secrets(text, start, stop):
    found = redact(text + TOKEN[start:stop] + text, (TOKEN,))
    assert len(found) <= 200
    assert found.isprintable()
    assert not any(TOKEN[at : at + 8] in found for at in range(25))
