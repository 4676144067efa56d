"""Configuration as an operator writes it: what is accepted, and the line that each mistake gets."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from logwatchd import config
from logwatchd.config import Config
from logwatchd.errors import ConfigError, Exit
from logwatchd.records import Level

pytestmark = pytest.mark.usefixtures("no_overrides")

SOURCE = '[[source]]\npaths = ["/var/log/app.log"]\n'
JOURNAL = "[[source]]\njournal = true\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "logwatchd.toml"


def load(file: Path, text: str) -> Config:
    file.write_text(text)
    return config.load(file)


def problems(file: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        load(file, text)
    assert raised.value.exit_code is Exit.CONFIG
    assert all("\n" not in problem for problem in raised.value.problems)
    return [problem.replace(str(file), "FILE") for problem in raised.value.problems]


def test_the_least_configuration_has_every_default(file: Path) -> None:
    found = load(file, SOURCE)
    assert found.settings.state_dir == Path("/var/lib/logwatchd")
    assert found.settings.baseline.path == Path("/var/lib/logwatchd/baseline")
    (source,) = found.sources
    assert (source.paths, source.service, source.start_at) == (("/var/log/app.log",), None, "end")
    assert source.skip_levels == frozenset({Level.DEBUG})
    assert not found.analysis_enabled
    assert not found.slack_enabled


@pytest.mark.parametrize(
    ("written", "priority"),
    [
        ('"warning"', "warning"),
        ('"WARN"', "warning"),
        ('"Error"', "err"),
        ("3", "err"),
        ('"4"', "warning"),
        ('"err..alert"', "err..alert"),
        ('"0..Critical"', "emerg..crit"),
    ],
)
def test_the_journal_and_its_filters_are_what_journalctl_knows(written: str, priority: str, file: Path) -> None:
    text = JOURNAL + f'units = ["nginx.service", "ssh*"]\nidentifiers = ["kernel"]\npriority = {written}\n'
    (source,) = load(file, text).sources
    assert source.journal
    assert source.paths == ()
    assert (source.units, source.identifiers, source.priority) == (("nginx.service", "ssh*"), ("kernel",), priority)


def test_standard_input_may_stand_beside_files_and_the_journal(file: Path) -> None:
    (source,) = load(file, JOURNAL + 'paths = ["-", "/var/log/*.log"]').sources
    assert source.journal
    assert source.paths == ("-", "/var/log/*.log")


def test_systemd_names_the_state_folder(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/private/logwatchd:/other")
    found = load(file, SOURCE)
    assert found.settings.state_dir == Path("/var/lib/private/logwatchd")
    assert found.settings.baseline.path == Path("/var/lib/private/logwatchd/baseline")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 'FILE: source: missing; add a [[source]] table with paths = ["/var/log/..."]'),
        (
            '[source]\npaths = ["/x"]',
            "FILE: source: is one table, and there may be several; write [[source]] with two brackets",
        ),
        (
            SOURCE + "[sink]\nname = 'x'",
            "FILE: sink: is one table, and there may be several; write [[sink]] with two brackets",
        ),
        ("source = 3", "FILE: source = 3: tables are needed; write [[source]] and their keys below"),
        ("[[source]]\n", "FILE: source[1]: nothing to follow; give it paths = ["),
        ("[[source]]\npaths = []", "FILE: source[1].paths = []: "),
        ('[[source]]\npaths = "/x"', "FILE: source[1].paths = '/x': a list is needed; write it in brackets, ["),
        ('[[source]]\npaths = ["x.log"]', "FILE: source[1].paths[1] = 'x.log': give an absolute path or glob"),
        (
            '[[source]]\npaths = ["/a\\nb"]',
            "FILE: source[1].paths[1] = '/a\\nb': no path holds a NUL byte or a line break",
        ),
        (SOURCE + 'skip_levels = ["LOUD"]', "FILE: source[1].skip_levels[1] = 'LOUD': is no level: use one of UNKNOWN"),
        (SOURCE + 'start_at = "middle"', "FILE: source[1].start_at = 'middle': input should be 'end' or 'beginning'"),
        (SOURCE + "[embeder]", "FILE: embeder: unknown key; did you mean 'embedder'?"),
        (
            SOURCE + "colour = 1",
            "FILE: source[1].colour: unknown key; known keys here: paths, service, start_at, skip_levels",
        ),
        ("embedder = 3\n" + SOURCE, "FILE: embedder = 3: a table is needed; write [embedder] and its keys below"),
        (SOURCE + "[workers]\nthreads = 0", "FILE: workers.threads = 0: input should be greater than or equal to 1"),
        (
            SOURCE + "[baseline]\nthreshold = 1.5",
            "FILE: baseline.threshold = 1.5: input should be less than 1, or 'auto'",
        ),
        (
            SOURCE + "[[mask]]\nname = 'x'\npattern = 'a*'",
            "FILE: mask[1].pattern = 'a*': matches where there is nothing, and so everywhere: write '+' for '*'",
        ),
        (SOURCE + "[[mask]]\nname = 'x'\npattern = '('", "FILE: mask[1].pattern = '(': not a regular expression: "),
        (
            SOURCE + "[[mask]]\nname = 'x'\npattern = 'a'\ntoken = 'secret'",
            "FILE: mask[1].token = 'secret': write capital letters between < and >",
        ),
        (
            SOURCE + "[baseline]\nthreshold = 0.4\nalerts_per_day = 5",
            "FILE: baseline: threshold and alerts_per_day exclude each other: keep one of them",
        ),
        (SOURCE + '[baseline]\npath = "b"', "FILE: baseline.path = 'b': give an absolute path"),
        ('state_dir = "x"\n' + SOURCE, "FILE: state_dir = 'x': give an absolute path"),
        (
            SOURCE + '[slack]\nenabled = "perhaps"',
            "FILE: slack.enabled = 'perhaps': true or false is needed, or 'auto'",
        ),
        (
            SOURCE + "[slack]\nservices = 'shop'",
            "FILE: slack.services = 'shop': a list is needed; write it in brackets",
        ),
        (SOURCE + "[slack]\nchannel = 3", "FILE: slack.channel = 3: text is needed; put it in quotes"),
        (
            SOURCE + "[workers]\nthreads = true",
            "FILE: workers.threads = true: this is no switch; write a value of its own",
        ),
        (SOURCE + "[embedder]\ndaily_usd = true", "FILE: embedder.daily_usd = true: this is no switch"),
        (SOURCE + "[baseline]\nthreshold = true", "FILE: baseline.threshold = true: this is no switch"),
        (SOURCE + "[baseline]\nclusters = true", "FILE: baseline.clusters = true: this is no switch"),
        (SOURCE + "[incidents]\ngroup_wait_s = false", "FILE: incidents.group_wait_s = false: this is no switch"),
        (SOURCE + "[baseline]\npath = 3", "FILE: baseline.path = 3: a path is needed; put it in quotes"),
        (SOURCE + "[baseline]\nthreshold = nan", "FILE: baseline.threshold = nan: a number is needed, or 'auto'"),
        (SOURCE + "[baseline]\nclusters = 1.5", "FILE: baseline.clusters = 1.5: a whole number is needed, or 'auto'"),
        (SOURCE + "[baseline]\nwarmup = '-1h'", "FILE: baseline.warmup = '-1h': write a time such as '90s', '30m'"),
        (
            SOURCE + "[[mute]]\nreason = 'x'\nuntil = 2026-12-01",
            "FILE: mute[1]: mutes everything: add fingerprints, pattern, services or sources",
        ),
        (
            SOURCE + "[[mute]]\nfingerprints = ['3F2A91C05B7D8E64']",
            "FILE: mute[1].fingerprints[1] = '3F2A91C05B7D8E64': write it as the alert gives it: 16 digits and letters",
        ),
        (SOURCE + "[[mute]]\npattern = 'a*'", "FILE: mute[1].pattern = 'a*': matches where there is nothing"),
        (SOURCE + "[[mute]]\npattern = '('", "FILE: mute[1].pattern = '(': not a regular expression: "),
        *(
            (
                SOURCE + f"[[mute]]\nservices = ['x']\nuntil = {until}",
                f"FILE: mute[1].until = {shown}: a day or a time is n",
            )
            for until, shown in (
                ("'tomorrow'", "'tomorrow'"),
                ("20261201", "20261201"),
                ("08:00:00", "08:00:00"),
                ("9999-12-31T23:59:59-23:00", "9999-12-31T23:59:59-23:00"),
            )
        ),
        (SOURCE + "[[redact]]\nname = 'A'\npattern = 'a'", "FILE: redact[1].name = 'A': write small letters, digits"),
        (
            SOURCE + "[[sink]]\nname = 'm'\ntype = 'email'\nhost = 'h'\nsender = 'x@y'\nto = ['x']",
            "FILE: sink[1].to[1] = 'x': a mail address is needed",
        ),
        (
            SOURCE + "[embedder]\napi_key = 'sk-hidden'",
            "FILE: embedder.api_key: no secret stands in this file; give it as the systemd credential 'openai_api_key' "
            "or as OPENAI_API_KEY",
        ),
        (
            "slack_webhook_url = 'https://hidden'\n" + SOURCE,
            "FILE: slack_webhook_url: no secret stands in this file; give it as the systemd credential 'slack_webh",
        ),
        (
            SOURCE + "[[sink]]\nname = 'ops'\ntype = 'pagerduty'\nsecret = 'hk'",
            "FILE: sink[1].secret = (not shown): name a credential, in small letters, digits and underscores, a letter "
            "first, 3 to 61 of them; no secret itself",
        ),
        (
            SOURCE + "[[sink]]\nname = 'ops'\ntype = 'pagerduty'\nsecret = 'R0uting-hidden'",
            "FILE: sink[1].secret = (not shown): name a credential, in small letters, digits and underscores",
        ),
        (
            SOURCE + "[[sink]]\nname = 'ops'\ntype = 'pagerduty'\nsecret = 'R0utinghidden'",
            "FILE: sink[1].secret = (not shown): name a credential, in small letters, digits and underscores",
        ),
        (
            SOURCE + "[[sink]]\nname = 'ops'\ntype = 'pagerduty'\nsecret = 'e93facc04764012d7bfb002500d5d1a6hidden'",
            "FILE: sink[1].secret = (not shown): name a credential, in small letters, digits and underscores",
        ),
        (
            SOURCE + "[[sink]]\nname = 'ops'\ntype = 'alertmanager'\nurl = 'hooks.example.com/hidden'",
            "FILE: sink[1].url = (not shown): an address that begins with http:// or https:// is needed",
        ),
        (
            SOURCE + '[analysis]\nbase_url = "http://[::1"',
            "FILE: analysis.base_url = 'http://[::1': no host, or no port, of that name can be asked",
        ),
        (
            SOURCE + '[slack]\nbase_url = "http://h:99999/"',
            "FILE: slack.base_url = 'http://h:99999/': no host, or no po",
        ),
        (SOURCE + '[slack]\nbase_url = "https:///x"', "FILE: slack.base_url = 'https:///x': no host, or no port"),
        (
            SOURCE + '[analysis]\nbase_url = "ftp://x"',
            "FILE: analysis.base_url = 'ftp://x': an address that begins with http",
        ),
        (
            SOURCE + SOURCE,
            "FILE: source[2].paths[1] = '/var/log/app.log': stands in source[1].paths[1] as well; name it once",
        ),
        ('[[source]]\nservice = "x"', "FILE: source[1]: nothing to follow; give it paths = ["),
        (
            SOURCE + 'units = ["nginx"]',
            "FILE: source[1]: units is a filter for the journal; add journal = true, or take it out",
        ),
        (SOURCE + 'priority = "err"', "FILE: source[1]: priority is a filter for the journal; add journal = true"),
        (JOURNAL + 'priority = "loud"', "FILE: source[1].priority = 'loud': is no priority: use one of emerg, alert, "),
        (
            JOURNAL + 'priority = "err..warning..info"',
            "FILE: source[1].priority = 'err..warning..info': is no priority",
        ),
        (JOURNAL + "priority = 8", "FILE: source[1].priority = 8: is no priority: use one of emerg, "),
        (JOURNAL + 'units = [""]', "FILE: source[1].units[1] = '': give a name as 'journalctl' shows it"),
        (JOURNAL + 'units = "nginx"', "FILE: source[1].units = 'nginx': a list is needed; write it in brackets, ["),
        (
            SOURCE.replace("/var/log/app.log", "-") + SOURCE.replace("/var/log/app.log", "-"),
            "FILE: source[2].paths[1] = '-': stands in source[1].paths[1] as well; name it once",
        ),
        ("x = [", "FILE: not valid TOML: "),
        ("a = 1\na = 2", "FILE: not valid TOML: "),
        ("\ufeff" + SOURCE, "FILE: begins with a byte order mark; save it as UTF-8 without one"),
        (
            SOURCE + '[embedder]\nprovider = "openai"',
            "FILE: embedder.provider = openai: needs a secret and there is none; ",
        ),
        (SOURCE + "[analysis]\nenabled = true", "FILE: analysis.enabled = true: needs a secret and there is none; "),
        (SOURCE + "[slack]\nenabled = true", "FILE: slack.enabled = true: needs a secret and there is none; "),
    ],
)
def test_one_mistake_gets_one_line(text: str, line: str, file: Path) -> None:
    (said,) = problems(file, text)
    assert said.startswith(line)
    assert "hidden" not in said


def test_what_is_wrong_between_keys_is_told_along_with_what_is_wrong_with_others(file: Path) -> None:
    text = (
        '[[source]]\nservice = 3\nunits = ["nginx"]\n'
        '[[sink]]\nname = "ops"\ntype = "email"\nport = "x"\nusername = "u"\n'
        '[[sink]]\nname = "slack"\ntype = "webhook"\nurl = 3\nmin_severity = "P9"\n'
        '[embedder]\nprovider = "onnx"\nmodel = ["a"]\n'
        '[baseline]\nthreshold = 0.3\nalerts_per_day = 2\nweigh_levels = "maybe"\n'
    )
    assert [line.removeprefix("FILE: ").split(";")[0] for line in problems(file, text)] == [
        "source[1].service = 3: text is needed",
        "source[1]: nothing to follow",
        "source[1]: units is a filter for the journal",
        "embedder.model = ['a']: text is needed",
        "embedder: provider = 'onnx' needs folder = \"/...\", with a model in it",
        "baseline.weigh_levels = 'maybe': true or false is needed",
        "baseline: threshold and alerts_per_day exclude each other: keep one of them",
        "sink[1].port = 'x': a number is needed",
        "sink[1]: a sink of type 'email' needs host",
        "sink[1]: a sink of type 'email' needs sender",
        "sink[1]: a sink of type 'email' needs to",
        "sink[1]: username needs secret, the name of the credential that holds its password",
        "sink[2].min_severity = 'P9': input should be 'P1', 'P2', 'P3' or 'P4'",
        "sink[2].url = (not shown): text is needed",
        "sink[2]: the name 'slack' is taken",
        "sink[2]: a sink of type 'webhook' needs secret",
    ]


def test_a_wrong_folder_of_systemds_is_one_line_of_them(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "relative")
    folder, slack = problems(file, SOURCE + "[slack]\nenabled = 3\n")
    assert folder.startswith("FILE: state_dir = this value: give an absolute path")
    assert slack.startswith("FILE: slack.enabled = 3")


def test_a_command_that_does_without_misses_none_of_the_daemons_secrets(file: Path) -> None:
    file.write_text(
        SOURCE + "[slack]\nenabled = true\n[analysis]\nenabled = true\n[embedder]\nprovider = 'openai'\n"
        "[[sink]]\nname = 'ops'\ntype = 'pagerduty'\nsecret = 'ops_key'\n"
    )
    assert config.load(file, config.any_secret).secrets.sinks == {}
    with pytest.raises(ConfigError) as raised:
        config.load(file, {"ops_key", "slack_bot_token", "anthropic_api_key"}.__contains__)
    (problem,) = raised.value.problems
    assert "embedder.provider = openai: needs a secret" in problem


def test_every_mistake_is_told_at_once(file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("SLACK_WEBHOOK_URL", "hooks.example.com/secret-part")
    monkeypatch.setenv("LOGWATCHD_WORKERS__THREADS", "many")
    (tmp_path / "anthropic_api_key").mkdir()
    said = problems(
        file,
        """
        bogus = 1
        [[source]]
        paths = ["/a", "b"]
        [[source]]
        paths = ["/a"]
        [embedder]
        provider = "openai"
        batch_size = 0
        """,
    )
    for part in (
        "bogus: unknown key",
        "source[1].paths[2] = 'b'",
        "source[2].paths[1] = '/a'",
        "embedder.batch_size = 0",
        "environment variable LOGWATCHD_WORKERS__THREADS: workers.threads = 'many'",
        "embedder.provider = openai: needs a secret",
        "anthropic_api_key: the credential file cannot be read: Is a directory",
        "slack_webhook_url: not an address",
    ):
        assert sum(part in line for line in said) == 1, part
    assert len(said) == 8
    assert "secret-part" not in "".join(said)


class TestSecrets:
    def test_what_is_more_than_a_secret_is_refused_and_not_shown(
        self, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
        monkeypatch.setenv("OPENAI_API_KEY", "sk-one\nsk-two")
        (tmp_path / "anthropic_api_key").write_text("# the key\nsk-one\n")
        said = problems(file, SOURCE)
        assert [line.partition(": ")[0] for line in said] == [
            "environment variable OPENAI_API_KEY",
            str(tmp_path / "anthropic_api_key"),
        ]
        assert "sk-" not in "".join(said)

    def test_a_credential_wins_over_the_environment(
        self, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
        monkeypatch.setenv("ANTHROPIC_API_KEY", "from-environment")
        monkeypatch.setenv("OPENAI_API_KEY", "from-environment")
        (tmp_path / "anthropic_api_key").write_text("from-credential\n")
        found = load(file, SOURCE)
        assert found.secrets.anthropic_api_key is not None
        assert found.secrets.anthropic_api_key.get_secret_value() == "from-credential"
        assert found.secrets.openai_api_key is not None
        assert found.secrets.openai_api_key.get_secret_value() == "from-environment"
        assert found.analysis_enabled
        assert "from-" not in repr(found) + str(found)

    def test_a_feature_that_is_off_stays_off_with_a_secret(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SLACK_WEBHOOK_URL", "https://hooks.example.com/x")
        assert load(file, SOURCE).slack_enabled
        assert not load(file, SOURCE + "[slack]\nenabled = false").slack_enabled


@pytest.mark.parametrize(
    ("until", "moment"),
    [
        ("2026-12-01", datetime(2026, 11, 30, 23, tzinfo=UTC)),
        ("2026-12-01T08:00:00", datetime(2026, 12, 1, 7, tzinfo=UTC)),
        ("2026-12-01T08:00:00Z", datetime(2026, 12, 1, 8, tzinfo=UTC)),
        ("2026-12-01T08:00:00+05:30", datetime(2026, 12, 1, 2, 30, tzinfo=UTC)),
        ("'2026-12-01'", datetime(2026, 11, 30, 23, tzinfo=UTC)),
        ("'2026-12-01T08:00:00Z'", datetime(2026, 12, 1, 8, tzinfo=UTC)),
    ],
)
def test_a_mute_ends_by_this_machines_clock_where_it_names_no_offset(
    until: str, moment: datetime, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "CET-1")
    time.tzset()
    try:
        (mute,) = load(file, SOURCE + f"[[mute]]\nservices = ['x']\nuntil = {until}").settings.mute
    finally:
        monkeypatch.undo()
        time.tzset()
    assert mute.until == moment
