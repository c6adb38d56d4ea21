from __future__ import annotations

import base64
import html
import json
import quopri
import random
import string
import time
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mixpanel_pandas.delivery.redaction import DROPPED, READ_CHARACTERS, redact

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


# Codings that a server or a firewall echoes it in

#: A token in which no piece stands twice.
ODD = "7f3a9c0e5b2d48166a1f0c9d3e7b5a42"
RAW = ODD.encode()


def each(form: str, between: str = "", text: str = ODD) -> str:
    """Return every character of a text in some form, given its number as `n` and itself as `c`."""
    return between.join(form.format(n=ord(c), c=c) for c in text)


def groups(size: int, between: str, text: str = ODD) -> str:
    return between.join(text[at : at + size] for at in range(0, len(text), size))


def swapped(size: int, raw: bytes = RAW) -> bytes:
    return b"".join(raw[at : at + size][::-1] for at in range(0, len(raw), size))


def base64_of(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@pytest.mark.parametrize("size", [12, 13, 14])
@pytest.mark.parametrize("shift", [0, 1, 2])
def test_of_base64_every_character_that_depends_on_the_secret_alone_is_hidden(shift: int, size: int) -> None:
    secret = ODD[:size]
    coded = base64_of(b"~" * shift + secret.encode() + b"~" * 3)
    first, last = -(-shift * 8 // 6), (shift + size) * 8 // 6
    assert redact(coded, (secret,)) == f"{coded[:first]}***{coded[last:]}"


@pytest.mark.parametrize(
    ("secret", "dropped"), [("p4ss7", False), ("p4ss7w", True), ("p4ss7wd", True), ("p4ss7wd8", True)]
)
def test_coded_secrets_of_six_characters_or_more_drop_the_text(secret: str, dropped: bool) -> None:
    """Shorter ones stand in too many texts by chance; as they are, they are hidden all the same."""
    assert (redact(each("&#{n};", text=secret), (secret,)) == DROPPED) == dropped
    assert redact(f"password {secret}!", (secret,)) == "password ***!"


@pytest.mark.parametrize(("size", "dropped"), [(7, False), (8, True)])
@pytest.mark.parametrize("part", [slice(None), slice(None, None, -1)], ids=["its beginning", "its end"])
def test_a_piece_of_a_coded_secret_has_eight_characters(part: slice, size: int, dropped: bool) -> None:
    piece = ODD[part][:size][part]
    assert piece in ODD
    assert (redact(each("&#{n};", text=piece), (ODD,)) == DROPPED) == dropped


@pytest.mark.parametrize(
    ("secret", "crumbs", "dropped"),
    [
        pytest.param(ODD, ["7f3a", "0e5b", "8166", "0c9d"], False, id="half of it"),
        pytest.param(ODD, ["7f3a", "0e5b", "8166", "0c9d3"], True, id="more than half of it"),
        pytest.param(ODD[:17], ["7f3a", "0e5b"], False, id="less than half of an odd number"),
        pytest.param(ODD[:17], ["7f3a", "0e5b2"], True, id="more than half of an odd number"),
        pytest.param(ODD[:16], ["7f3a", "0e5b2"], True, id="of a secret of two pieces"),
        pytest.param(ODD[:15], ["7f3a", "0e5b2"], False, id="of a shorter secret"),
    ],
)
def test_crumbs_of_more_than_half_of_a_secret_reveal_it(
    secret: str, crumbs: list[str], dropped: bool
) -> None:
    assert all(crumb in secret for crumb in crumbs)
    assert (redact(" zzzz ".join(crumbs), (secret,)) == DROPPED) == dropped


@pytest.mark.parametrize(
    "coded",
    [
        pytest.param("".join(f"{ord(c):08b}" for c in "p4ss7w"), id="binary"),
        pytest.param(b"p4ss7w".hex(), id="hex"),
        pytest.param(base64.b32encode(b"p4ss7w").decode().rstrip("="), id="base32"),
        pytest.param(base64.b32hexencode(b"p4ss7w").decode().rstrip("="), id="base32 of another sort"),
        pytest.param(base64.b64encode(b"p4ss7w").decode(), id="base64"),
        pytest.param(" ".join(str(ord(c)) for c in "p4ss7w"), id="decimal numbers"),
        pytest.param(" ".join(f"{ord(c):o}" for c in "p4ss7w"), id="octal numbers"),
    ],
)
def test_the_coded_characters_of_the_shortest_such_secret_are_enough(coded: str) -> None:
    """Nothing but the secret, so that not a single bit is left over."""
    assert redact(coded, ("p4ss7w",)) in {DROPPED, "***"}


def test_a_number_beyond_all_characters_is_none() -> None:
    assert redact("\\u{110000} " + each("\\u{{{n:x}}}"), (ODD,)) == DROPPED


#: How it is echoed -> the echo.
ECHOES = {
    "decimal entities": each("&#{n};"),
    "decimal entities without an end": each("&#{n}"),
    "hex entities": each("&#x{n:x};"),
    "entities of entities": html.escape(each("&#{n};")),
    "escapes of JSON": each("\\u{n:04x}"),
    "escapes of JSON in JSON": json.dumps(each("\\u{n:04X}")),
    "escapes with braces": each("\\u{{{n:x}}}"),
    "escapes of CSS": each("\\{n:x} "),
    "escapes of C": each("\\x{n:02x}"),
    "octal escapes": each("\\{n:03o}"),
    "%u": each("%u{n:04x}"),
    "U+": each("U+{n:04X}", " "),
    "URL twice": quote(each("%{n:02x}")),
    "URL three times": quote(quote(each("%{n:02X}"))),
    "quoted-printable": each("={n:02X}"),
    "quoted-printable of some, broken": quopri.encodestring(b"=".join([RAW[:9], RAW[9:]]) + b"=" * 60).decode(),
    "some characters coded": "".join(f"&#{ord(c)};" if c.isdigit() else c for c in ODD),
    "some characters in the URL": "".join(f"%{ord(c):02x}" if c in "0123" else c for c in ODD),
    "hex": RAW.hex(),
    "hex in capitals": RAW.hex().upper(),
    "hex with blanks": RAW.hex(" "),
    "hex with colons": RAW.hex(":"),
    "hex as in a program": each("0x{n:02x}", ", "),
    "hex of words": RAW.hex(" ", 2),
    "hex of words, the other way": swapped(2).hex(" ", 2),
    "hex of longer words, the other way": swapped(4).hex(" ", 4),
    "a dump with places": "\n".join(f"{at:08x}: {RAW[at:at + 16].hex(' ', 2)}" for at in range(0, 32, 16)),
    "binary": each("{n:08b}", " "),
    "numbers": str(list(RAW)),
    "octal numbers": each("{n:03o}", " "),
    "base64 twice": base64_of(base64_of(RAW).encode()),
    "base64 thrice": base64_of(base64_of(base64_of(RAW).encode()).encode()),
    "base64 of the body, in lines": base64.encodebytes(b'[{"$token":"' + RAW + b'","$distinct_id":"u","$set":{}}]').decode(),
    "base64 of hex": base64_of(RAW.hex().encode()),
    "base64 of UTF-16": base64_of(ODD.encode("utf-16-le")),
    "base64 with stars in between": "*".join(base64_of(b"xx" + RAW)),
    "hex of base64": base64_of(RAW).encode().hex(),
    "base32": base64.b32encode(RAW).decode(),
    "base32 in small letters": base64.b32encode(b"x" + RAW).decode().lower(),
    "base32 of the other sort": base64.b32hexencode(RAW).decode(),
    "UTF-16 in hex": ODD.encode("utf-16-be").hex(),
    "UTF-16 in quoted-printable": each("=00={n:02X}"),
    "groups with blanks": groups(4, " "),
    "groups with dashes": groups(7, "-"),
    "capitals in groups": groups(5, " ").upper(),
    "characters with blanks": " ".join(ODD),
    "a list of characters": json.dumps(list(ODD)),
    "characters with their places": json.dumps(dict(enumerate(ODD))),
    "characters in tags": each("<i>{c}</i>"),
    "groups in tags": groups(3, "<wbr>"),
    "groups in sentences": groups(4, " and "),
    "groups in another order": " ".join(sorted(groups(4, " ").split())),
    "reversed": ODD[::-1],
    "reversed, in groups": groups(4, " ", ODD[::-1]),
    "reversed, in hex": RAW[::-1].hex(),
    "wide digits and letters": each("{c}").translate({n: n + 0xFEE0 for n in range(33, 127)}),
    "marks that nobody sees": "\u3164".join(ODD),
    "a part in hex": RAW[11:20].hex(),
    "a part in base64 of base64": base64_of(base64_of(RAW[5:14]).encode()),
}  # fmt: skip


@pytest.mark.parametrize("echo", ECHOES)
def test_a_text_that_holds_the_token_otherwise_is_dropped(echo):
    for text in (f"near {ECHOES[echo]}", f"400 cannot read {ECHOES[echo]}, sorry"):
        left = redact(text, ("me:p&ss wörd", ODD))
        assert left == DROPPED or "***" in left  # what is in it as it is sent is hidden, and no more
        assert redact(left, (ODD,)) == left
        assert redact(text, ("another secret",)) != DROPPED


@pytest.mark.parametrize(
    ("url_part", "text"),
    [
        pytest.param("pa55%2Fword%2Bof=the&proxy", "bad login pa55/word+of=the&proxy", id="as it is meant"),
        pytest.param("pa55%2Fword%2Bof=the&proxy", base64_of(b"me:pa55/word+of=the&proxy"), id="basic"),
        pytest.param(
            "pa55%2Fword%2Bof=the&proxy", each("&#{n};", text="pa55/word+of=the&proxy"), id="entities"
        ),
        pytest.param("hunter2", each("&#{n};", text="hunter2"), id="a short one in entities"),
        pytest.param(
            "hunter2", base64_of(b"hunter2").lower() + base64_of(b"hunter2"), id="a short one in base64"
        ),
    ],
)
def test_a_password_of_a_proxy_is_a_secret(url_part, text):
    left = redact(f"407 {text} refused", (f"me:{url_part}", "me", url_part))
    assert left == DROPPED or "***" in left
    for piece in ("pa55/word", "hunter2", base64_of(b"hunter2"), "&#104;"):
        assert piece not in left


ORDINARY = [
    "$distinct_id: value is over the limit of 255 bytes",
    "some data points in the request failed validation",
    "Unable to authenticate; see https://developer.mixpanel.com/reference/project-token?x=%20y&amp;z=1#a",
    "<html><head><title>502 Bad Gateway</title></head><body><center>nginx/1.25.3</center></body></html>",
    "request 8f14e45f-ceea-467f-a0e6-1b1b6a1d0c5e was blocked (ray 84f2c0ffee1d2b3a, 2026-01-31T12:00:00.123Z)",
    base64_of(bytes(range(120))),
    str(list(range(60))),
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    "São José: não é possível, 日本語",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_an_ordinary_text_stays(text):
    assert redact(text, (ODD, "me:correct horse", "correct horse")) == text[:199] + "…" * (len(text) > 200)


@given(
    st.one_of(
        st.text(max_size=200),
        st.text(string.hexdigits + " -", max_size=200),
        st.binary(max_size=140).map(base64_of),
    )
)
def test_a_text_without_the_secret_stays(text):
    line = " ".join(text.split())
    assume(line.isprintable() and len(line) <= 200)
    assume(not any(ODD[at : at + 4] in text.casefold() for at in range(29)))
    assert redact(text, ()) == redact(text, (ODD,))


@given(st.data())
def test_codings_within_each_other_are_undone(data):
    codings = [
        lambda text: each("&#{n};", text=text),
        lambda text: each("\\x{n:02x}", text=text),
        lambda text: quote(each("%{n:02x}", text=text)),
        lambda text: text.encode().hex(),
        lambda text: base64_of(text.encode()),
        lambda text: base64.b32encode(text.encode()).decode(),
    ]
    text = ODD
    for coding in data.draw(st.lists(st.sampled_from(codings), min_size=1, max_size=3)):
        text = coding(text)
    assume(len(text) < READ_CHARACTERS)
    left = redact(text, (ODD,))
    assert left == DROPPED or "***" in left


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(TOKEN[:4] * 4000, id="crumbs"),
        pytest.param("".join(random.Random(1).choices(string.hexdigits, k=READ_CHARACTERS)), id="hex"),
        pytest.param(("abcd" * 400).encode().hex().encode().hex(), id="hex of hex"),
        pytest.param("%25" * 4000, id="URLs of URLs"),
        pytest.param("&amp;" * 4000, id="entities of entities"),
        pytest.param("\\" * 4000, id="backslashes"),
        pytest.param("<" * 4000, id="open tags"),
        pytest.param("7 " * 4000, id="numbers"),
    ],
)
def test_what_it_costs_is_bounded(text):
    began = time.process_time()
    redact(text, (ODD, "me:password", "me", "password"))
    assert time.process_time() - began < 1


def test_nothing_is_kept_between_two_texts():
    from mixpanel_pandas.delivery import redaction

    redact(f"bad {ODD}", (ODD,))
    assert not [name for name, value in vars(redaction).items() if hasattr(value, "cache_info")]
    assert ODD[:8] not in repr(vars(redaction))
