"""What commands ask an embedding service with where no configuration is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from logwatchd import config
from logwatchd.commands.asking import Machine, machine
from logwatchd.commands.scan import embedder_for
from logwatchd.errors import ConfigError
from logwatchd.scoring.remote import OpenAIEmbedder, Service
from tests.fakes.openai import FakeOpenAI
from tests.scoring.making import NORMAL, learn


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this machine's own configuration lies."""
    monkeypatch.setattr(config, "DEFAULT_PATH", tmp_path / "logwatchd.toml")
    return tmp_path / "logwatchd.toml"


def test_the_machines_own_rules_hold(
    service: FakeOpenAI, etc: Path, no_overrides: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever else is missing there, such as a secret that this user may not read."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-key")
    etc.write_text('[slack]\nenabled = true\n[[redact]]\nname = "customer"\npattern = "CUST-[a-z]+"\n')
    service_of = Service("m", service.url + "/v1")
    baseline = learn(NORMAL, OpenAIEmbedder(service_of, SecretStr("sk-test-key")))
    redact = embedder_for(baseline).redact
    assert redact is not None
    assert redact("CUST-prefect sent sk-test-key") == "<customer> sent <secret>"


def test_without_a_configuration_there_are_none(etc: Path) -> None:
    assert machine() == Machine()


@pytest.mark.parametrize(
    "text",
    [
        "[[redact",
        '[[redact]]\nname = "x"\npattern = "("\n',
        "redact = 3\n",
        "embedder = 3\n",
        "[embedder]\nbase_url = 'x'\n",
    ],
)
def test_rules_that_cannot_be_read_let_nothing_out(etc: Path, text: str) -> None:
    etc.write_text(text)
    with pytest.raises(
        ConfigError, match=r"logwatchd.toml: its \[\[redact\]\] tables or embedder.base_url cannot be read"
    ):
        machine()


@pytest.mark.parametrize("by_config", [True, False])
def test_what_leaves_goes_to_the_service_that_is_configured_and_to_no_other(
    by_config: bool, service: FakeOpenAI, etc: Path, no_overrides: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the baseline is of another model than the configured one: it was not to be OpenAI's own."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-key")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")  # nobody there
    etc.write_text(
        f'state_dir = "{etc.parent}"\n[[source]]\npaths = ["/dev/null"]\n'
        f'[embedder]\nprovider = "openai"\nmodel = "new"\nbase_url = "{service.url}/v1"\n'
    )
    baseline = learn(NORMAL, OpenAIEmbedder(Service("old", service.url + "/v1"), SecretStr("sk-test-key")))
    before = len(service.answered)
    found = config.load(etc) if by_config else None
    embedder_for(baseline, found).embed(["ERROR something new"])
    assert service.answered[before:] == ["ERROR something new"]
