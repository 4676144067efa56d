"""The manual pages, the catalog and the completions: well formed, and with all that the program knows."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from logwatchd.arguments import parser
from logwatchd.commands import completion, manual, reference
from logwatchd.commands.catalog import catalog
from logwatchd.commands.outline import commands_of
from logwatchd.journal import Event
from logwatchd.journal_output import message_id

COMMANDS = list(commands_of(parser()))
PAGES = ("logwatchd.1", "logwatchd.toml.5")


def _plain(roff: str) -> str:
    return roff.replace("\\-", "-").replace("\\(aq", "'").replace("\\fB", "").replace("\\fR", "").replace("\\fI", "")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_set_without_a_warning(page: str) -> None:
    if not shutil.which("man") or not shutil.which("groff"):
        pytest.skip("man-db is not installed")
    command = ["man", "--warnings", "--local-file", "-"]
    done = subprocess.run(command, input=manual.text_of(page, parser()), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout) > 2000


def test_the_page_of_commands_has_every_command_and_option() -> None:
    text = _plain(manual.text_of("logwatchd.1", parser()))
    assert len(COMMANDS) > 10
    for command in COMMANDS:
        assert f".SS {command.name}\n" in text
        for option in command.options:
            assert all(flag in text for flag in option.flags)


def test_what_may_be_left_out_stands_in_brackets() -> None:
    text = " ".join(_plain(manual.text_of("logwatchd.1", parser())).split())
    assert "baseline build --output B [--config FILE]" in text
    assert "[--json] [FILE|GLOB|- ...]" in text
    assert "[LABELED|- ...]" in text
    assert "[--config FILE] BASELINE ..." in text


def test_the_page_of_the_configuration_has_every_key_of_the_commented_one() -> None:
    text = _plain(manual.text_of("logwatchd.toml.5", parser()))
    keys = [line.removeprefix("#") for line in reference.text().splitlines() if " = " in line and line[:2] != "# "]
    assert len(keys) > 30
    for key in keys:
        assert f"\n{key.split(' = ')[0]} = " in text


def test_the_commented_configuration_is_what_the_checkout_shows() -> None:
    tomllib.loads(reference.text())
    assert (Path(__file__).resolve().parents[2] / "config" / "logwatchd.toml").read_text() == reference.text()


def test_every_event_has_an_entry_in_the_catalog(tmp_path: Path) -> None:
    assert all(f"\n-- {message_id(event.name)}\nSubject: " in catalog() for event in Event)
    if not shutil.which("journalctl"):
        pytest.skip("systemd is not installed")
    folder = tmp_path / "usr" / "lib" / "systemd" / "catalog"
    folder.mkdir(parents=True)
    (folder / "logwatchd.catalog").write_text(catalog())
    (tmp_path / "var" / "lib" / "systemd" / "catalog").mkdir(parents=True)
    root = ["journalctl", f"--root={tmp_path}"]
    made = subprocess.run([*root, "--update-catalog"], capture_output=True, text=True, check=False)
    assert (made.returncode, made.stderr) == (0, "")
    shown = subprocess.run([*root, "--list-catalog"], capture_output=True, text=True, check=False)
    assert shown.stdout.count("logwatchd: ") == len(Event)


def _bash_completes(*words: str) -> set[str]:
    script = (
        completion.script_for("bash", parser())
        + 'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _logwatchd; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    command = ["bash", "-u", "-c", script, "bash", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return set(done.stdout.split())


def _fish_completes(line: str, offers: Sequence[str], folder: Path) -> None:
    (folder / "logwatchd.fish").write_text(completion.script_for("fish", parser()))
    command = ["fish", "--no-config", "-c", f"source {folder}/logwatchd.fish; complete -C '{line}'"]
    done = subprocess.run(command, env=_shells_environment(folder), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(offers) <= {offer.split("\t")[0] for offer in done.stdout.splitlines()}


# A terminal of its own, in which TAB is pressed behind the line that is the second argument; ends when it has shown all
# that the further ones say, in their order.
_ZSH = r"""
zmodload zsh/zpty
zpty shell zsh -f -i
until_seen() { local word; for word; do zpty -r shell seen "*$word*"; done }
zpty -w shell "PS1=; fpath=($1 \$fpath); autoload -U compinit; compinit -u -D; bindkey '^I' list-choices
zle-line-init() { print REA''DY }; zle -N zle-line-init"
until_seen READY
zpty -w -n shell "$2"$'\t'
until_seen "${@:3}"
zpty -d shell
"""


def _zsh_completes(line: str, offers: Sequence[str], folder: Path) -> None:
    (folder / "_logwatchd").write_text(completion.script_for("zsh", parser()))
    seen = sorted(Path(offer).name for offer in offers)
    command = ["zsh", "-f", "-c", _ZSH, "zsh", str(folder), line, *seen]
    subprocess.run(command, env=_shells_environment(folder), timeout=60, check=True)


def _shells_environment(folder: Path) -> dict[str, str]:
    return {"HOME": str(folder), "PATH": os.defpath, "TERM": "xterm", "LANG": "C.UTF-8"}


@pytest.mark.parametrize(("shell", "completes"), [("fish", _fish_completes), ("zsh", _zsh_completes)])
def test_other_shells_complete_as_well(
    shell: str, completes: Callable[[str, Sequence[str], Path], None], tmp_path: Path
) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed (scripts/test does it as root)")
    completes("logwatchd ba", ["baseline"], tmp_path)
    completes("logwatchd baseline ", ["build", "diff", "show"], tmp_path)
    completes("logwatchd scan --", ["--format", "--baseline"], tmp_path)
    completes("logwatchd scan --format ", ["text", "jsonl"], tmp_path)
    (tmp_path / "some.log").touch()
    completes(f"logwatchd watch {tmp_path}/so", [f"{tmp_path}/some.log"], tmp_path)


def test_bash_completes_commands_options_choices_and_files(tmp_path: Path) -> None:
    verbs = {command.words[0] for command in COMMANDS}
    assert _bash_completes("logwatchd", "") == verbs | {"--help", "--version"}
    assert _bash_completes("logwatchd", "base") == {"baseline"}
    assert _bash_completes("logwatchd", "baseline", "") == {c.words[1] for c in COMMANDS if len(c.words) > 1} | {
        "--help"
    }
    assert _bash_completes("logwatchd", "scan", "--f") == {"--format"}
    assert _bash_completes("logwatchd", "scan", "--format", "") == {"text", "jsonl"}
    assert _bash_completes("logwatchd", "completion", "") == {"bash", "zsh", "fish"}
    (tmp_path / "some.log").touch()
    assert _bash_completes("logwatchd", "watch", f"{tmp_path}/so") == {f"{tmp_path}/some.log"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_takes_its_script_and_finds_every_option_in_it(shell: str, tmp_path: Path) -> None:
    script = completion.script_for(shell, parser())
    for command in COMMANDS:
        for option in command.options:
            for flag in option.flags:
                assert (f"-l {flag[2:]}" if shell == "fish" else flag) in script
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    file = tmp_path / "script"
    file.write_text(script)
    done = subprocess.run([shell, "-n", str(file)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
