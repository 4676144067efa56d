"""The openai and anthropic clients as logwatchd imports them, beside themselves as they come."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.clients_probe import STATUSES

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent


def probe(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.clients_probe", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.fixture(scope="module")
def plain() -> dict[str, Any]:
    return probe("plain")


@pytest.fixture(scope="module")
def lean(plain: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    listed = tmp_path_factory.mktemp("probe") / "packages.json"
    listed.write_text(json.dumps(sorted(plain["names"])))
    return probe("lean", str(listed))


def test_most_of_what_is_not_needed_is_not_imported(plain: dict[str, Any], lean: dict[str, Any]) -> None:
    here, there = set(lean["modules"]), set(plain["modules"])
    assert {"anthropic.types.message", "openai.types.create_embedding_response"} <= here & there
    assert len(here) < len(there) / 2
    never = {"anthropic.lib.bedrock._client", "anthropic.resources.beta.beta", "openai.types.responses.response"}
    assert never <= there
    assert not never & here


def test_services_are_asked_the_same_and_answer_the_same(plain: dict[str, Any], lean: dict[str, Any]) -> None:
    assert lean["served"] == plain["served"]
    assert len(plain["served"]["vectors"][0]) == 2
    assert "The database file is locked" in plain["served"]["answers"][0]
    for answers in (lean["served"]["vectors"], lean["served"]["answers"]):
        assert answers == answers[:1] * 4  # however many threads made the clients be imported


def test_every_error_is_of_the_same_class(plain: dict[str, Any], lean: dict[str, Any]) -> None:
    assert lean["failures"] == plain["failures"]
    assert len(plain["failures"]) > 2 * len(STATUSES)
    for of, class_ in {
        "anthropic 401": "anthropic.AuthenticationError",
        "anthropic 429": "anthropic.RateLimitError",
        "anthropic 529": "anthropic.OverloadedError",
        "anthropic reset": "anthropic.APIConnectionError",
        "anthropic hang": "anthropic.APITimeoutError",
        "anthropic again": "answer: ",
        "openai 401": "openai.AuthenticationError",
        "openai 500": "openai.InternalServerError",
        "openai hang": "openai.APITimeoutError",
        "openai again": "answer: 1",
    }.items():
        assert lean["failures"][of].startswith(class_), of


def test_every_name_of_every_package_is_there_and_the_same(plain: dict[str, Any], lean: dict[str, Any]) -> None:
    assert sum(map(len, plain["names"].values())) > 1000
    for package, names in plain["names"].items():
        there = lean["names"][package]
        # What some other module leaves in a package: a module of it, a generic class made for some type.
        lacking = {name for name, kind in names.items() if name not in there}
        assert all("[" in name or names[name].startswith("module ") for name in lacking), package
        assert {name: there[name] for name in names if name in there} == {
            name: kind for name, kind in names.items() if name in there
        }, package
