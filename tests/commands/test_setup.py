"""`logwatchd setup` on a machine laid out in a folder: what it finds, what it writes, and what it refuses."""

from __future__ import annotations

import gzip
import os
import time
import tomllib
from pathlib import Path

import pytest

from logwatchd import config
from logwatchd.commands import reference, setup
from logwatchd.commands.survey import Proposal, survey
from logwatchd.errors import Exit, UsageError
from logwatchd.scoring.baseline import load
from tests.conftest import ROOT
from tests.helpers import ROOT_ONLY
from tests.scoring.making import NORMAL, block_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "machine"
    (folder / "var" / "log").mkdir(parents=True)
    return folder


def put(root: Path, name: str, content: bytes | str = "", mode: int = 0o644) -> Path:
    file = root / name.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    file.chmod(mode)
    return file


def found(root: Path) -> dict[str, tuple[str, ...]]:
    return {proposal.why: proposal.paths for proposal in survey(root, time.time()).proposals}


def test_it_finds_logs_and_leaves_out_what_is_none(root: Path) -> None:
    for name in ("syslog", "syslog.1", "kern.log", "auth.log", "app/app.log", "app/deep/er/worker.log", "app/now.txt"):
        put(root, f"/var/log/{name}", "INFO a line\n")
    put(root, "/var/log/wtmp", b"\0" * 400)
    put(root, "/var/log/app/records", b"\x07\0\0\0")
    put(root, "/var/log/app/app.log.2.gz", gzip.compress(b"INFO a line\n"))
    put(root, "/var/log/journal/0123/system.journal", b"LPKSHHRH")
    old = put(root, "/var/log/old/old.log", "INFO long ago\n")
    os.utime(old, (0, 0))
    assert found(root) == {
        "syslog": ("/var/log/syslog",),
        "other files in /var/log": ("/var/log/auth.log",),
        "app": ("/var/log/app/*.log", "/var/log/app/deep/er/*.log", "/var/log/app/now.txt"),
    }


def test_names_that_are_globs_or_no_text_do_no_harm(root: Path, target: Path) -> None:
    put(root, "/var/log/app[1].log", "INFO a line\n")
    put(root, "/var/log/shop [eu]/shop.log", "INFO a line\n")
    put(root, "/var/log/caf\udce9.log", "INFO a line\n")
    put(root, '/var/log/x\n[[sink]]\nname = "x"\ntype = "command"\ncommand = ["/bin/true"]\n#/app.log', "INFO a line\n")
    assert found(root) == {
        "other files in /var/log": ("/var/log/app[[]1].log",),
        "shop [eu]": ("/var/log/shop [[]eu]/*.log",),
    }
    told = survey(root, time.time()).left_out
    assert len(told) == 2
    assert all("its name is no plain text; name it by a glob" in line for line in told)
    assert setup.run(target, yes=True, force=False, root=root) is Exit.OK
    assert config.load(target).settings.sink == []


def test_it_knows_nginx_postgresql_and_docker(root: Path) -> None:
    put(root, "/var/log/nginx/access.log", "GET /\n")
    put(root, "/srv/shop/error.log", "an error\n")
    put(root, "/etc/nginx/nginx.conf", "error_log /var/log/nginx/error.log;\n")
    put(
        root, "/etc/nginx/sites-enabled/shop", "server {\n  error_log /srv/shop/error.log warn;\n  access_log off;\n}\n"
    )
    put(root, "/var/log/postgresql/postgresql-15-main.log", "LOG:  started\n")
    put(
        root,
        "/etc/postgresql/16/main/postgresql.conf",
        "data_directory = '/data/pg'  # here\nlogging_collector = on\n#log_directory = 'elsewhere'\n",
    )
    put(root, "/data/pg/log/postgresql-Mon.log", "LOG:  started\n")
    put(root, "/var/lib/docker/containers/12ab/12ab-json.log", '{"log":"x"}\n')
    assert found(root) == {
        "nginx": ("/srv/shop/*.log", "/var/log/nginx/*.log"),
        "PostgreSQL": ("/data/pg/log/*.log", "/var/log/postgresql/*.log"),
        "Docker's containers": ("/var/lib/docker/containers/*/*-json.log",),
    }
    (postgres,) = (p for p in survey(root, time.time()).proposals if p.service == "postgres")
    assert postgres.multiline_continue == r"^\t"


@ROOT_ONLY
def test_what_the_daemon_may_not_read_is_named_with_the_mend(root: Path) -> None:
    put(root, "/var/log/app/app.log", "INFO a line\n", mode=0o600)
    put(root, "/var/log/other.log", "INFO a line\n")
    docker = put(root, "/var/lib/docker/containers/12ab/12ab-json.log", "{}\n")
    docker.parents[2].chmod(0o710)
    looked = survey(root, time.time())
    assert [proposal.paths for proposal in looked.proposals] == [("/var/log/other.log",)]
    first, second = looked.left_out
    assert looked.not_yet == ()
    assert first.startswith("/var/log/app/app.log: the daemon's user may not read it; allow it with 'setfacl -m u:")
    assert "journald" in second
    put(root, "/etc/docker/daemon.json", '{"log-driver": "journald"}')
    assert len(survey(root, time.time()).left_out) == 1


def test_what_the_installed_unit_does_not_see_is_named_with_the_mend(root: Path) -> None:
    put(root, "/etc/nginx/nginx.conf", "access_log /home/shop/access.log;\n")
    put(root, "/home/shop/access.log", "GET /\n")
    put(root, "/var/log/other.log", "INFO a line\n")
    assert survey(root, time.time()).left_out == ()
    unit = ROOT / "packaging" / "systemd" / "logwatchd.service"
    put(root, "/usr/lib/systemd/system/logwatchd.service", unit.read_text())
    looked = survey(root, time.time())
    assert [proposal.paths for proposal in looked.proposals] == [("/var/log/other.log",)]
    assert looked.left_out == (
        "/home/shop/access.log: the daemon's unit does not see it (ProtectHome=yes); let it with 'systemctl edit"
        " logwatchd', [Service], ProtectHome=tmpfs and BindReadOnlyPaths=/home/shop; 'logwatchd setup --force' then"
        " takes it in",
    )


@ROOT_ONLY
def test_one_that_may_not_be_read_beside_others_is_configured_and_not_called_left_out(
    root: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("open", "shut", "barred"):
        put(root, f"/var/log/{name}-of-logwatchds-tests.log", "INFO a line\n", mode=0o644 if name == "open" else 0o600)
    for name in ("a", "b"):
        put(root, f"/var/log/none/{name}.log", "INFO a line\n", mode=0o600)
    assert setup.run(target, yes=True, force=False, root=root) is Exit.OK
    left_out, *not_yet = capsys.readouterr().err.splitlines()
    for name, line in zip(("barred", "shut"), not_yet, strict=True):
        file = f"/var/log/{name}-of-logwatchds-tests.log"
        assert line == (
            f"not readable yet: {file}: the daemon's user may not read it; allow it"
            f" with 'setfacl -m u:logwatchd:r {file}',"
            " and its folders with u:logwatchd:x: it is configured, and followed from then on"
        )
        assert file in config.load(target).sources[0].paths
    assert left_out.startswith("left out: /var/log/none/a.log: the daemon's user may not read it; ")
    assert left_out.endswith(" (the same for 1 other file of none); 'logwatchd setup --force' then takes it in")
    assert len(config.load(target).sources) == 1


def test_what_it_proposes_is_a_valid_configuration_with_every_comment(tmp_path: Path) -> None:
    proposals = [
        Proposal("the systemd journal", journal=True),
        Proposal('a "quoted" name', ('/var/log/a"b\\c.log',), "o'brien", multiline_continue=r"^\t"),
    ]
    file = tmp_path / "logwatchd.toml"
    file.write_text(setup.configuration(proposals))
    first, second = config.load(file).sources
    assert first.journal
    assert (second.paths, second.service, second.multiline_continue) == (('/var/log/a"b\\c.log',), "o'brien", r"^\t")
    kept = reference.text().split("# What turns texts into vectors.")[1]
    assert file.read_text().endswith(kept)


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_overrides: None) -> Path:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    return tmp_path / "etc.toml"


def test_it_writes_learns_and_says_what_to_do_next(
    tmp_path: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, rotated = tmp_path / "logs" / "app.log", tmp_path / "logs" / "app.log.1.gz"
    log.parent.mkdir()
    log.write_bytes(block_of(NORMAL * 100))
    rotated.write_bytes(gzip.compress(block_of(["INFO only the old copy says this"] * 9)))
    setup.carry_out(target, [Proposal("app", (f"{tmp_path}/logs/*.log",))])
    assert "systemctl enable --now logwatchd" in capsys.readouterr().out
    baseline = load(tmp_path / "state" / "baseline")
    assert baseline.manifest.lines == len(NORMAL) * 100 + 9
    assert any("only the old copy" in text for text in baseline.patterns)
    assert tomllib.loads(target.read_text())["source"] == [{"paths": [f"{tmp_path}/logs/*.log"]}]


def test_a_configuration_that_somebody_wrote_stays_unless_told_otherwise(root: Path, target: Path) -> None:
    put(root, "/var/log/app/empty.log")
    target.write_text("# mine\n")
    with pytest.raises(UsageError, match="somebody wrote it; --force"):
        setup.run(target, yes=True, force=False, root=root)
    assert setup.run(target, yes=True, force=True, root=root) is Exit.OK
    assert (target.parent / "etc.toml.old").read_text() == "# mine\n"
    assert "# mine" not in target.read_text()
    target.write_text("# mine, too\n")
    assert setup.run(target, yes=True, force=True, root=root) is Exit.OK
    assert (target.parent / "etc.toml.old").read_text() == "# mine\n"
    assert (target.parent / "etc.toml.old1").read_text() == "# mine, too\n"
    assert setup.run(target, yes=True, force=True, root=root) is Exit.OK
    assert not (target.parent / "etc.toml.old2").exists(), "it would be the same once more"


def test_with_nobody_to_read_it_there_is_a_configuration(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Output that ends, such as a terminal that is gone, ends it where it tells something."""
    target.write_text("# mine\n")
    with Path("/dev/full").open("w", buffering=1) as full:
        monkeypatch.setattr("sys.stdout", full)
        with pytest.raises(OSError, match="No space left"):
            setup.carry_out(target, [Proposal("app", ("/var/log/app/*.log",))])
        monkeypatch.undo()
        with pytest.raises(OSError, match="No space left"):
            full.close()
    assert (target.parent / "etc.toml.old").read_text() == "# mine\n"
    assert tomllib.loads(target.read_text())["source"][0]["paths"] == ["/var/log/app/*.log"]


def test_broken_off_it_leaves_nothing_beside_the_configuration(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: Path, other: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        setup.carry_out(target, [Proposal("app", ("/var/log/app/*.log",))])
    assert list(target.parent.iterdir()) == []


def test_the_configuration_that_was_installed_is_nobodys(root: Path, target: Path) -> None:
    put(root, "/var/log/app/empty.log")
    target.write_text(reference.text())
    assert setup.run(target, yes=True, force=False, root=root) is Exit.OK
    assert tomllib.loads(target.read_text())["source"][0]["paths"] == ["/var/log/app/*.log"]


def test_a_damaged_rotated_copy_is_named_and_the_others_are_learned(
    tmp_path: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "app.log").write_bytes(block_of(NORMAL * 100))
    (folder / "app.log.2.gz").write_bytes(gzip.compress(block_of(NORMAL * 50))[:12])
    setup.carry_out(target, [Proposal("app", (f"{folder}/*.log",))])
    said = capsys.readouterr()
    assert said.err.startswith(f"{folder}/app.log.2.gz: cannot be read: Compressed file ended before")
    assert said.err.endswith("; it was left out\n")
    assert said.err.count("\n") == 1
    assert f"from {len(NORMAL) * 100} lines of 1 file;" in said.out
    assert load(tmp_path / "state" / "baseline").manifest.sources == (f"{folder}/app.log",)


def test_what_a_setup_wrote_that_learned_nothing_is_nobodys(root: Path, target: Path) -> None:
    put(root, "/var/log/app/empty.log")
    for _ in range(2):
        assert setup.run(target, yes=True, force=False, root=root) is Exit.OK
    assert not (target.parent / "etc.toml.old").exists()
    (target.parent / "state").mkdir()
    (target.parent / "state" / "baseline").touch()
    with pytest.raises(UsageError, match=r"setup wrote it, and .*/state/baseline is there; --force learns anew"):
        setup.run(target, yes=True, force=False, root=root)
    put(root, "/var/log/shop/new.log", "INFO a line\n")
    with pytest.raises(UsageError, match="somebody wrote it"):
        setup.run(target, yes=True, force=False, root=root)


def test_a_place_where_no_configuration_can_be_is_told_for_what_it_is(root: Path, tmp_path: Path) -> None:
    put(root, "/var/log/app.log", "INFO a line\n")
    with pytest.raises(UsageError, match=r"there is no folder .*/none; create it first, or name another --config"):
        setup.run(tmp_path / "none" / "logwatchd.toml", yes=True, force=False, root=root)
    with pytest.raises(UsageError, match=r"cannot be read: Is a directory; run it as root, or name another --config"):
        setup.run(tmp_path, yes=True, force=False, root=root)


def test_it_asks_and_takes_no_for_an_answer(
    root: Path, target: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put(root, "/var/log/app/app.log", "INFO a line\n")
    with pytest.raises(UsageError, match="--yes"):
        setup.run(target, yes=False, force=False, root=root)
    with pytest.raises(UsageError, match="nothing in"):
        setup.run(target, yes=True, force=False, root=root / "etc")
    assert not target.exists()
