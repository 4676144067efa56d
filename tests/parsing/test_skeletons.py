"""Skeletons of many shapes at once: those that each shape has by itself."""

from __future__ import annotations

import base64
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logwatchd.parsing import skeletons
from logwatchd.parsing.keys import key_of
from logwatchd.parsing.normalise import normalise, pattern_of_key
from logwatchd.parsing.shapes import shapes
from logwatchd.parsing.skeletons import BINARY, BLOB, Skeletons, skeleton
from logwatchd.parsing.slots import meaningful, meaningful_in
from tests.parsing.lines import UUIDS

WORDS = st.one_of(
    st.sampled_from(
        ["", "", "12", "(7)", "2024", "20240102", "a1,b22,c", '{"a":17,"b":[1,22]}', "0x1f", "node17", "7:00"]
    ),
    st.sampled_from(['"x":', "12:30:44", "10.0.0.1:80", "x_17", "é1", "日志", "-5", "1" * 300, "y" * 300 + "1", ","]),
    st.sampled_from(["7:00", "exit", "code", "status=404", "code:", "200", '"GET /a HTTP/1.1"', "signal[9]", "level"]),
    st.sampled_from(['] "', '"x" 200', "GET /a 500", "GET", "/a/7", "-> 500", "1/2/3/4/5 503", "- 12:30:44 | 200 |"]),
    st.sampled_from(
        [
            '","',
            '{"a":1,"b":"2","c":',
            '"GET',
            "/a/17?b=2",
            "https://a.b/c/d7,",
            '"//x/y"',
            "\x01",
            "\xff\x02",
            "A7b" * 15,
        ]
    ),
    st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=6),
)
LINES = st.lists(WORDS, max_size=8).map(lambda words: " ".join(words).encode()) | st.binary(max_size=40)
SHAPES = st.lists(LINES.map(lambda raw: shapes(raw.replace(b"\n", b" "))), max_size=20)


@settings(max_examples=500)
@given(SHAPES, SHAPES)
def test_many_at_once_have_the_skeletons_that_each_has(some: list[bytes], others: list[bytes]) -> None:
    for known in (Skeletons(1 << 20), Skeletons(300)):  # the second forgets all the time
        for shapes_of in (some, others, some, some + others):
            assert known.of(shapes_of) == [skeleton(shape) for shape in shapes_of]


@settings(max_examples=500)
@given(SHAPES)
def test_many_at_once_have_the_slots_that_each_has(some: list[bytes]) -> None:
    expected = {number: meaningful(shape) for number, shape in enumerate(some)}
    assert dict(meaningful_in(some)) == {number: slots for number, slots in expected.items() if slots}


def test_words_take_no_more_than_they_may() -> None:
    known = Skeletons(10_000)
    for number in range(500):
        known.of([b"x%s y%s" % (b"0" * (number % 97 + 1), b"z0" * (number % 101 + 1)), b"a0" * (100 + number)])
        assert sum(map(len, known._words)) <= 10_000
        assert max(map(len, known._words), default=0) <= skeletons._LONG


@settings(max_examples=500)
@given(st.text("0aAfgxT-+_:./, <(Kms", max_size=24).map(str.encode) | UUIDS.map(lambda uuid: shapes(b"a" + uuid)))
def test_what_varies_is_tried_wherever_it_may_begin(shape: bytes) -> None:
    hint = rb"(?=-?0|[A-Za-z]++:?0)"
    varying = skeletons._VARYING.pattern
    assert varying.count(hint) == 1
    block = b" %b " % b" ".join(skeletons._taken_apart(shape))
    found = re.sub(varying.replace(hint, b""), skeletons._shortened, block, flags=re.VERBOSE)
    assert skeleton(shape) == skeletons._whole(found[1:-1])


def test_encoded_data_is_one_thing_whatever_it_says() -> None:
    rng = random.Random(1)
    for size in range(36, 400, 13):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            data = encode(rng.randbytes(size)).decode()
            assert normalise(f"payload={data} accepted") == "payload=<BLOB> accepted", data
    token = ".".join(base64.urlsafe_b64encode(rng.randbytes(60)).decode().rstrip("=") for _ in range(3))
    assert normalise(f"Authorization: Bearer {token}") == "Authorization: Bearer <BLOB>.<BLOB>.<BLOB>"


@pytest.mark.parametrize(
    "text",
    [
        "/home/spelce1/HPCC_IBM/Urgent/COP/16K/vnm",
        "org/apache/hadoop/HadoopFSNamesystem2/HDFSBlockManager/BlockInfo3",
        "presentations-logstash-puppetconf-2012-images-kibana3-1",
        "DFSClient_NONMAPREDUCE_1105786899_1",
        "com_example_PaymentServiceFactoryProvider2Implementation",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "0" * 70,
    ],
)
def test_names_and_paths_are_no_encoded_data(text: str) -> None:
    assert BLOB not in key_of(f"at {text} now".encode())


def test_of_bytes_that_are_no_text_only_what_can_be_read_is_left() -> None:
    rng = random.Random(2)
    long = [rng.randbytes(400).replace(b"\n", b"") for _ in range(200)]
    patterns = {pattern_of_key(key_of(line)) for line in long}
    assert patterns - {"<BINARY>"} == {text for text in patterns if text.startswith("<BINARY> ")}
    assert len(patterns) < 20
    assert key_of(b"\x7fELF\xfe\x02\x01 \0\0/lib64/ld-linux.so.2\xff\x03") == BINARY + b" /lib0/ld-linux.so.0"


@pytest.mark.parametrize(
    "text",
    [
        "8=FIX.4.4\x019=176\x0135=D\x01",
        "\x1b[31mred\x1b[0m",
        "日志\x07 \x08\x08",
        "caf\xe9 \xe0 la cr\xe8me".encode("latin-1"),
    ],
)
def test_control_characters_in_text_and_other_encodings_are_text(text: str | bytes) -> None:
    raw = text if isinstance(text, bytes) else text.encode()
    assert BINARY not in key_of(raw)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('"GET /a/17?x=2 HTTP/1.1" 200', '"GET / HTTP/1.1" 200'),
        ('fetched https://pypi.org/simple/rich7/?page=2, "ok"', 'fetched https://pypi.org/x, "ok"'),
        ("(see http://127.0.0.1:8080/a.html)", "(see http://10.0.0.1:80/)"),
    ],
)
def test_pages_of_a_site_are_no_news(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


def test_fields_are_known_whatever_stands_between_them() -> None:
    known = Skeletons(1 << 20)
    known.of([b'{"level":"info","took":000,"user":"x"}'])
    words = len(known._words)
    known.of([b'{"level":"info","took":000,"user":"y"}', b'{"name":"z","took":000,"user":"x"}'])
    assert len(known._words) == words
