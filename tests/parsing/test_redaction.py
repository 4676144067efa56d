"""What of a line may leave the machine."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from logwatchd.config_alerting import RedactSettings
from logwatchd.config_secrets import Secrets
from logwatchd.errors import StateError
from logwatchd.parsing.normalise import normalise
from logwatchd.parsing.redaction import KEY_NAME, Redactor, read_key, redactor_of
from tests.parsing.planted import PLANTED, left_of, planted

REDACT = Redactor(b"k" * 32)


@pytest.mark.parametrize(("line", "secret"), PLANTED, ids=range(len(PLANTED)))
def test_a_planted_secret_is_taken_out(line: str, secret: str) -> None:
    assert secret in line
    assert secret not in REDACT(line)
    assert secret not in REDACT.masked(line)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("card 4222222222222 declined", "card"),  # the shortest
        ("card 6304000000000000000 declined", "card"),  # the longest
        ("refund to NO9386011117947 failed", "iban"),  # the shortest
        ("refund to MT84MALT011000012345MTLCAST001S failed", "iban"),
        ("sms to +123456789012345 failed", "phone"),  # the longest
    ],
)
def test_the_shortest_and_the_longest_numbers_are_found(line: str, kind: str) -> None:
    assert f"<{kind}>" in REDACT.masked(line)


@pytest.mark.parametrize(
    "line", ["user=anna paid", 'password: "open sesame"', "for user anna from 10.0.0.7", "token=0a1b2c3d4e5f"]
)
def test_a_pseudonym_is_no_value_that_is_taken_out_again(line: str) -> None:
    once = REDACT(line)
    assert REDACT(once) == once != line
    assert Redactor(b"k" * 32, [("digits", "[0-9a-f]{4}")])(once) == once


@pytest.mark.parametrize("seed", range(20))
def test_of_no_planted_secret_anything_is_left_in_the_masked_pattern(seed: int) -> None:
    """No seven characters of it: the normaliser folds its digits, and what stands between them would still tell. That
    depends on where the digits are, so there are many of each form."""
    for line, secret in planted(seed):
        assert secret not in REDACT(line)
        assert (line, left_of(secret, REDACT.masked(normalise(line)))) == (line, [])


def test_there_are_a_hundred_of_them() -> None:
    assert len({secret for _, secret in PLANTED}) >= 100


def test_the_inner_lines_of_a_private_key_are_known_by_themselves() -> None:
    """Each may be a line of the log, and the lines before and after an anomaly are redacted one by one."""
    lines = ["MIIEpAIBAAKCAQEA" + "x7Q/k2" * 8, "Zm9v" * 16, "before\n" + "aB3+" * 16 + "\nafter"]
    assert [re.sub("-[0-9a-f]{8}", "", REDACT(line)) for line in lines] == [
        "<private-key>",
        "<private-key>",
        "before\n<private-key>\nafter",
    ]
    assert REDACT.masked(normalise(lines[0])) in ("<private-key>", "<ID>")


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-23T00:30:10.366Z ERROR shop.http [acd6be29 user=41] GET /products/193 failed with 500 after 2 ms",
        "081109 203615 148 INFO dfs.DataNode$PacketResponder: PacketResponder 1 for block blk_38865049064139660",
        "- 1117838570 2005.06.03 R02-M1-N0-C:J12-U11 2005-06-03-15.42.50.675872 RAS KERNEL INFO cache parity error",
        'nova.osapi "GET /v2/54fadb412c4e40cdbaed9335e4c35a9e/servers/detail HTTP/1.1" status: 200 len: 1893',
        "token expired, secret missing, password invalid: login failed",
        "tokens=12 keyboard=us monkey=3 max_tokens=500 user_agent=curl/8",
        "10.251.73.220:50010 Starting thread to transfer block to 10.250.14.38:50010",
        "kernel: [12345.678901] CPU3: Core temperature above threshold, cpu clock throttled (total events = 1)",
        "sqlite3.OperationalError: database is locked",
        "org/apache/hadoop/hdfs/server/datanode/fsdataset/impl",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "authentication failure; logname= euid=0 tty=ssh ruser= rhost=10.0.0.7",
        "user not found in table users; for user input see the manual",
        "took 1234567 ns, 4096 4096 8192 16384 bytes",
        "version 1.2.3-456 of build 2026-1123-4567",
        "password=none token=true secret=[redacted] api_key=******** passwd=<ID> token=ok",
        "login user=4711 account=100200",
        "part AB12CDEF1234 is not in stock",
        "Started postgresql@15-main.service - PostgreSQL Cluster 15-main.",
        "getty@tty1.service: Failed with result 'exit-code'.",
    ],
)
def test_what_is_no_secret_stays(line: str) -> None:
    assert REDACT(line) == line


def test_where_sudo_was_called_is_no_password() -> None:
    line = "carol : TTY=pts/0 ; PWD=/srv/shop ; USER=root ; COMMAND=/usr/bin/systemctl restart shop"
    assert re.fullmatch(line.replace("root", r"<user-\w{8}>"), REDACT(line))
    assert re.fullmatch(r"PWD=<secret-\w{8}> ; next", REDACT("PWD=/srv/shop ; next"))


def test_an_address_is_no_unit_for_its_first_names() -> None:
    assert re.fullmatch(r"to <email-\w{8}>", REDACT("to anna@db.service.example.org"))


def test_the_same_value_is_the_same_everywhere_and_another_key_tells_nothing() -> None:
    first, second = REDACT("login user=anna from web1"), REDACT('{"user": "anna", "action": "pay"}')
    (name,) = set(re.findall(r"<user-[0-9a-f]{8}>", first + second))
    assert name not in Redactor(b"x" * 32)("user=anna")
    assert name not in REDACT("user=anne")


def test_a_pseudonym_is_read_back_from_the_lines_that_hold_its_value() -> None:
    lines = ["user=bob paid", "user=anna paid", "anna@example.org wrote"]
    name = re.search(r"<(user-[0-9a-f]{8})>", REDACT("user=anna"))
    assert name is not None
    assert list(REDACT.find(name[1], lines * 2)) == ["anna"]
    assert list(REDACT.find("<user-00000000>", lines)) == []


def test_the_configurations_own_rules_and_our_own_keys_go_first() -> None:
    redact = Redactor(b"k" * 32, [("customer", r"CUST-\d{6}")], ["our-own-key-123"])
    assert re.fullmatch(r"<customer-\w{8}> sent <secret-\w{8}>", redact("CUST-123456 sent our-own-key-123"))


def test_none_of_our_own_secrets_leaves_whatever_it_looks_like() -> None:
    named = {"openai_api_key": "open sesame", "anthropic_api_key": None, "slack_webhook_url": "quite-ordinary"}
    ours = Secrets(
        **{name: None if value is None else SecretStr(value) for name, value in named.items()},
        sinks={"ops": SecretStr("another word")},
    )
    rules = [RedactSettings(name="customer", pattern=r"CUST-\d+")]
    redact = redactor_of(rules, ours, b"k" * 32)
    assert (
        redact.masked("open sesame, quite-ordinary; another word; CUST-7") == "<secret>, <secret>; <secret>; <customer>"
    )
    assert redactor_of(rules, None).masked("open sesame CUST-7") == "open sesame <customer>"


def test_masks_are_those_of_the_configuration_too_and_the_same_under_every_key() -> None:
    own = [("customer", r"CUST-\d+"), ("digits", r"\d{2}")]
    for key in (b"", b"k" * 32):
        redact = Redactor(key, own, ["our-own-key-123"])
        assert (
            redact.masked("CUST-<N> sent our-own-key-123 to anna@example.org") == "<customer> sent <secret> to <email>"
        )
        assert redact.masked("id ab<N>cd, port <N>") == "id ab<digits>cd, port <N>"


@given(st.text(st.characters(exclude_categories=())))
@example("Authorization: Bearer abcdef0123456789")
@example('"proxy-authorization": "Basic dXNlcjpwYXNzd29yZA=="')
@example("x-api-key: token 12345678")
def test_what_is_redacted_stays_as_it_is(text: str) -> None:
    once = REDACT(text)
    assert REDACT(once) == once


_PIECES = st.sampled_from(
    [*"ab1 :=/.@-_<>", "<N>", "<ID>", "<V>", "<user>", "<secret>", "password", "user ", "sk-", "eyJ", "AKIA", "anna"]
)


@given(st.lists(_PIECES, max_size=40).map("".join))
@example("Authorization: Digest abcdef0123456789")
def test_what_is_masked_stays_as_it_is(text: str) -> None:
    redact = Redactor(b"", [("odd", "[a-c<]{2}"), ("digits", r"\d{2}")])
    once = redact.masked(text)
    assert redact.masked(once) == once


def test_what_detect_secrets_knows_is_known() -> None:
    pytest.importorskip("detect_secrets", reason="it comes with the extra 'redact'")
    token = "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs"  # made up; no form of ours
    assert re.fullmatch(r"bot <secret-\w{8}> is in", REDACT(f"bot {token} is in"))
    assert REDACT.masked(f"bot {token} is in") == "bot <secret> is in"
    assert REDACT("//npm.example.org/:_authToken=npm_" + "aB3" * 12).startswith("//npm.example.org/:_authToken=<token-")
    assert REDACT("from 8.8.8.8") == "from 8.8.8.8"


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "a",
            "1",
            "1 ",
            "+1",
            "a@",
            "a@.",
            "eyJ",
            "password=",
            "user ",
            "-",
            "://",
            "/",
            "4111 ",
            'key="',
            "mysql -p",
        ),
        *("a@b.co ", "uid=abcd ", "/home/ab/ ", "token=abcd ", "a<N>b ", "-----BEGIN PRIVATE KEY-----", "user_-"),
    ],
)
def test_no_line_takes_long(piece: str) -> None:
    """Time grows with a line's length, not with its square."""

    def seconds(length: int) -> float:
        text = f"secret user {(piece * length)[:length]}"
        began = time.process_time()
        REDACT(text)
        REDACT.masked(text)
        return time.process_time() - began

    short = max(seconds(1600), 0.002)
    assert seconds(32_000) < 60 * short


def test_a_private_key_goes_with_its_end_or_without() -> None:
    head, body, end = "-----BEGIN RSA PRIVATE KEY-----", "MIIEow-IBAA--K\n" * 3, "-----END RSA PRIVATE KEY-----"
    assert re.fullmatch(r"a <private-key-\w{8}> b", REDACT(f"a {head}\n{body}{end} b"))
    assert re.fullmatch(r"a <private-key-\w{8}>", REDACT(f"a {head}\n{body * 1000}"))
    assert re.fullmatch(r"(?:<private-key-\w{8}>){2} b", REDACT(f"{head}\n{body}{head}\n{body}{end} b"))


def test_the_key_is_made_once_and_only_for_us(tmp_path: Path) -> None:
    key = read_key(tmp_path)
    assert read_key(tmp_path) == key
    assert [(file.name, oct(file.stat().st_mode & 0o777)) for file in tmp_path.iterdir()] == [(KEY_NAME, "0o600")]
    (tmp_path / KEY_NAME).write_bytes(b"short")
    with pytest.raises(StateError, match="no key of ours"):
        read_key(tmp_path)
    with pytest.raises(StateError, match="state_dir"):
        read_key(tmp_path / "missing")


@pytest.mark.parametrize("made", [os.mkfifo, os.mkdir], ids=["FIFO", "folder"])
def test_what_is_no_file_is_no_key_and_never_waited_for(tmp_path: Path, made: Callable[[Path], None]) -> None:
    made(tmp_path / KEY_NAME)
    with pytest.raises(StateError, match=rf"{KEY_NAME}: no regular file; move it away"):
        read_key(tmp_path)
