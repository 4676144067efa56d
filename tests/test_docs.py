"""What the example configuration, the README and the unit promise is true."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from logwatchd import config, daemon
from logwatchd.arguments import parser
from logwatchd.cli import main
from logwatchd.commands import reload
from logwatchd.commands.outline import Command, commands_of
from logwatchd.config import MaskSettings, Settings
from logwatchd.config_alerting import MuteSettings, RedactSettings, SinkSettings
from logwatchd.config_sources import SourceSettings
from logwatchd.errors import Exit
from tests.conftest import ROOT

EXAMPLE = ROOT / "config" / "logwatchd.toml"
UNIT = ROOT / "packaging" / "systemd" / "logwatchd.service"
README = ROOT / "README.md"

VERBS = (
    "run",
    "check-config",
    "reload",
    "baseline",
    "scan",
    "tune",
    "explain",
    "incidents",
    "cache",
    "watch",
    "tail",
    "redact",
    "notify-test",
    "setup",
    "manual",
    "completion",
)

# A line that is commented out, as against one that explains: '#' and no blank.
_COMMENTED_OUT = re.compile(r"^#(?! |$)", re.MULTILINE)


# Tables that come several times.
LISTS: dict[str, type[BaseModel]] = {
    "source": SourceSettings,
    "mask": MaskSettings,
    "mute": MuteSettings,
    "redact": RedactSettings,
    "sink": SinkSettings,
}


def keys(model: type[BaseModel], table: str = "") -> Iterator[tuple[str, str]]:
    """Every key as (table, name)."""
    for name, field in model.model_fields.items():
        inner = LISTS.get(name, field.annotation)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from keys(inner, name)
        else:
            yield table, name


ALL_KEYS = list(keys(Settings))


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    """The example with all that is commented out put into force."""
    return tomllib.loads(_COMMENTED_OUT.sub("", EXAMPLE.read_text()))


@pytest.mark.parametrize(("table", "key"), ALL_KEYS)
def test_the_example_has_the_key_and_its_default(table: str, key: str, example: dict[str, Any]) -> None:
    inside = example[table] if table else example
    if table in LISTS:
        inside = {
            name: value for source in reversed(inside) for name, value in source.items()
        }  # the first one's, if it has it
    assert key in inside
    if table in ("mute", "redact", "sink"):
        return  # what stands there are examples
    model = LISTS[table] if table in LISTS else Settings.model_fields[table].annotation if table else Settings
    assert isinstance(model, type)
    default = model.model_fields[key].get_default(call_default_factory=True)
    if not model.model_fields[key].is_required() and default is not None:
        shown = [level.name for level in default] if isinstance(default, list) else default
        assert inside[key] == (str(shown) if isinstance(shown, Path) else shown)


def test_the_example_has_no_other_key(example: dict[str, Any]) -> None:
    names = {(table, name) for table, name in ALL_KEYS}
    for table, value in example.items():
        for inner in value if isinstance(value, list) else [value] if isinstance(value, dict) else []:
            assert {(table, name) for name in inner} <= names
    assert set(example) == set(Settings.model_fields)


@pytest.mark.usefixtures("no_overrides")
def test_the_example_is_valid_as_it_stands_and_with_everything_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPS_WEBHOOK_SECRET", "SMTP_PASSWORD"):
        monkeypatch.setenv(name, "secret-of-a-sink")
    assert config.load(EXAMPLE).sources[0].paths
    everything = tmp_path / "everything.toml"
    everything.write_text(_COMMENTED_OUT.sub("", EXAMPLE.read_text()))
    assert len(config.load(everything).sources) == 3


def test_every_key_of_the_example_has_a_line_that_explains_it_or_its_table() -> None:
    lines = EXAMPLE.read_text().splitlines()
    for number, line in enumerate(lines):
        if line.startswith("["):
            assert lines[number - 1].startswith("# "), line


@pytest.mark.parametrize(("table", "key"), ALL_KEYS)
def test_the_readme_names_the_key(table: str, key: str) -> None:
    if not README.exists():
        pytest.skip("there is no README.md yet")
    name = f"{table}.{key}" if table else key
    assert f"`{name}`" in README.read_text(), f"README.md's table of keys lacks `{name}`"


def test_the_readme_names_every_command_and_only_scripts_that_exist() -> None:
    if not README.exists():
        pytest.skip("there is no README.md yet")
    text = README.read_text()
    for verb in VERBS:
        assert f"logwatchd {verb}" in text
    for script in set(re.findall(r"\bscripts/[a-z][a-z_-]*", text)):
        assert (ROOT / script).is_file(), script


@pytest.mark.parametrize("command", [pytest.param(one, id=one.name) for one in commands_of(parser())])
def test_the_readme_has_one_row_for_each_command_with_all_its_options(command: Command) -> None:
    start = re.compile(rf"\| `logwatchd {command.name}[ `](?!\|)")
    table = README.read_text().partition("All commands:")[2].partition("Exit codes:")[0]
    (row,) = [line for line in table.splitlines() if start.match(line)]
    written = row.partition("` |")[0]
    assert set(re.findall(r"--[a-z][a-z-]+", written)) == {flag for option in command.options for flag in option.flags}


def test_the_readme_has_no_other_command() -> None:
    table = README.read_text().partition("All commands:")[2].partition("Exit codes:")[0]
    assert table.count("| `logwatchd ") == len(list(commands_of(parser())))


@pytest.mark.parametrize(("table", "key"), ALL_KEYS)
def test_the_readme_has_the_default(table: str, key: str) -> None:
    """Where the table shows one as it is written in the file."""
    name = f"{table}.{key}" if table else key
    (row,) = [row for row in README.read_text().splitlines() if re.match(rf"\| [^|]*`{re.escape(name)}`", row)]
    names, shown = (re.findall(r"`([^`]+)`", cell) for cell in row.split(" | ")[:2])
    if len(names) == len(shown) and not shown[0].startswith("$"):
        model = LISTS.get(table) or Settings.model_fields[table].annotation
        assert isinstance(model, type)
        default = model.model_fields[key].get_default()
        default = [level.name for level in default] if isinstance(default, list) else default
        written = tomllib.loads(f"x = {shown[names.index(name)]}")["x"]
        assert written == default or (default is None and key == "usd_per_million_tokens")


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    assert "exit codes:" in capsys.readouterr().out


def test_the_unit_speaks_of_commands_and_codes_that_exist() -> None:
    unit = _unit()["Service"]
    assert unit["ExecStart"].split()[1:] == ["run", "--config", str(config.DEFAULT_PATH)]
    assert unit["ExecReload"].split()[1:] == ["reload", "--config", str(config.DEFAULT_PATH)]
    assert int(unit["RestartPreventExitStatus"]) == Exit.CONFIG


def test_the_unit_waits_longer_than_the_daemon_takes() -> None:
    unit = _unit()["Service"]
    assert int(unit["TimeoutStopSec"].removesuffix("s")) > daemon.SHUTDOWN_S + 5
    assert int(unit["TimeoutStartSec"].removesuffix("s")) > reload.DEADLINE_S  # ExecReload= is held to it as well


def _unit() -> dict[str, dict[str, str]]:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # keys keep their case
    parser.read(UNIT)
    return {name: dict(parser[name]) for name in parser.sections()}


def test_the_units_sandbox_scores_as_promised() -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=12", "--no-pager", str(UNIT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout[-300:] + done.stderr
