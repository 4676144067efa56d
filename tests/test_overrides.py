"""The configuration from the environment: what wins over the file, and what a wrong variable is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from logwatchd import config, overrides
from tests.test_config import SOURCE, load, problems

pytestmark = pytest.mark.usefixtures("no_overrides")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "logwatchd.toml"


def test_the_environment_wins_over_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGWATCHD_WORKERS__THREADS", "9")
    monkeypatch.setenv("LOGWATCHD_SOURCE", '[{"paths": ["/from/environment"]}]')
    found = load(file, SOURCE + "[workers]\nthreads = 2\n")
    assert found.settings.workers.threads == 9
    assert found.sources[0].paths == ("/from/environment",)


def test_an_override_that_is_no_json_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGWATCHD_SOURCE", "/var/log/x")
    (said,) = problems(file, SOURCE)
    assert said.startswith("environment variable LOGWATCHD_SOURCE: is not JSON: ")


def test_an_override_of_tables_that_is_no_list_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGWATCHD_SOURCE", "3")
    (said,) = problems(file, SOURCE)
    wanted = "environment variable LOGWATCHD_SOURCE: source = 3: tables are needed; give all of them as a JSON list in"
    assert said == f"{wanted} LOGWATCHD_SOURCE"


def test_an_override_of_a_key_that_is_no_json_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGWATCHD_SLACK__SERVICES", "shop")
    monkeypatch.setenv("LOGWATCHD_WORKERS__THREADS", "2")
    (said,) = problems(file, SOURCE)
    assert said.startswith("environment variable LOGWATCHD_SLACK__SERVICES: is not JSON: ")


def test_an_override_of_nothing_is_a_warning(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubernetes, the demo and these tests have variables of that beginning as well."""
    monkeypatch.setenv("LOGWATCHD_STATEDIR", "/y")
    monkeypatch.setenv("LOGWATCHD_PORT_80_TCP", "tcp://10.0.0.1:80")
    monkeypatch.setenv("LOGWATCHD_EMBEDDER__PROVIDER", "local")
    monkeypatch.setenv("LOGWATCHD_STATE_DIR", "/x")
    assert load(file, SOURCE).settings.state_dir == Path("/x")
    service, slip = overrides.unknown(config.Settings)
    assert service.startswith("environment variable LOGWATCHD_PORT_80_TCP: names no key")
    assert slip.startswith("environment variable LOGWATCHD_STATEDIR: names no key")


@pytest.mark.parametrize(
    ("variable", "text", "line"),
    [
        ("LOGWATCHD_BASELIN__PATH", SOURCE, ": baselin: unknown key; did you mean 'baseline'?"),
        ("logwatchd_baselin__path", SOURCE, ": baselin: unknown key; did you mean 'baseline'?"),
        ("LOGWATCHD_BASELINE__PTH", SOURCE, ": baseline.pth: unknown key; did you mean 'path'?"),
        ("LOGWATCHD_BASELINE__PTH", SOURCE + "[baseline]\n", ": baseline.pth: unknown key; did you mean 'path'?"),
        ("LOGWATCHD_COLOUR__RED", SOURCE, ": colour: unknown key; known keys here: state_dir, source, embedder"),
        (
            "LOGWATCHD_SOURCE__PATHS",
            SOURCE,
            ": source: is one table, and there may be several; give all of them as a JSON list in LOGWATCHD_SOURCE",
        ),
        (
            "LOGWATCHD_SINK__NAME",
            SOURCE,
            ": sink: is one table, and there may be several; give all of them as a JSON list in LOGWATCHD_SINK",
        ),
        ("LOGWATCHD_WORKERS__THREADS__X", SOURCE, ": workers.threads = a table: a number is needed"),
    ],
)
def test_a_slip_in_an_overrides_name_is_refused_and_blamed_on_the_variable(
    variable: str, text: str, line: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "x")
    (said,) = problems(file, text)
    assert said.startswith(f"environment variable {variable.upper()}{line}")


def test_the_files_own_mistake_is_not_blamed_on_the_environment(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGWATCHD_BASELIN__PATH", "")  # as good as not there
    monkeypatch.setenv("LOGWATCHD_BASELINE__WEIGH_LEVELS", "false")
    monkeypatch.setenv("LOGWATCHD_WORKERS__THREADS", "")
    both, threads = problems(
        file, SOURCE + "[baseline]\nthreshold = 0.3\nalerts_per_day = 3\n[workers]\nthreads = 'x'\n"
    )
    assert both.startswith("FILE: baseline: threshold and alerts_per_day exclude each other")
    assert threads.startswith("FILE: workers.threads = 'x'")
