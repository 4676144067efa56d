"""What commands ask an embedding service with where no configuration is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from logwatchd import config
from logwatchd.commands.asking import machine_rules
from logwatchd.commands.scan import embedder_for
from logwatchd.errors import ConfigError
from logwatchd.scoring.remote import OpenAIEmbedder, Service
from tests.fakes.openai import FakeOpenAI
from tests.scoring.making import NORMAL, learn


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this machine's own configuration lies."""
    monkeypatch.setattr(config, "DEFAULT_PATH", tmp_path / "logwatchd.toml")
    return tmp_path / "logwatchd.toml"


def test_the_machines_own_rules_hold(
    service: FakeOpenAI, machine: Path, no_overrides: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever else is missing there, such as a secret that this user may not read."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-key")
    machine.write_text('[slack]\nenabled = true\n[[redact]]\nname = "customer"\npattern = "CUST-[a-z]+"\n')
    service_of = Service("m", service.url + "/v1")
    baseline = learn(NORMAL, OpenAIEmbedder(service_of, SecretStr("sk-test-key")))
    redact = embedder_for(baseline).redact
    assert redact is not None
    assert redact("CUST-prefect sent sk-test-key") == "<customer> sent <secret>"


def test_without_a_configuration_there_are_none(machine: Path) -> None:
    assert machine_rules() == []


@pytest.mark.parametrize("text", ["[[redact", '[[redact]]\nname = "x"\npattern = "("\n', "redact = 3\n"])
def test_rules_that_cannot_be_read_let_nothing_out(machine: Path, text: str) -> None:
    machine.write_text(text)
    with pytest.raises(ConfigError, match=r"logwatchd.toml: its \[\[redact\]\] tables cannot be read"):
        machine_rules()
