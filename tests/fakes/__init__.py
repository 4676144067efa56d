"""Loopback stand-ins for the three services, to be driven through their real SDKs. The only fakes in the tests."""

from tests.fakes.claude import FakeClaude, refusal, words
from tests.fakes.openai import FakeOpenAI
from tests.fakes.server import Answer, Drip, Garbage, Hang, Huge, Reply, Request, Reset, Status, Torn
from tests.fakes.slack import FakeSlack

__all__ = [
    "Answer",
    "Drip",
    "FakeClaude",
    "FakeOpenAI",
    "FakeSlack",
    "Garbage",
    "Hang",
    "Huge",
    "Reply",
    "Request",
    "Reset",
    "Status",
    "Torn",
    "refusal",
    "words",
]
