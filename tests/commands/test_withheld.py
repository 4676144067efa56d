"""What the daemon's unit cannot read, told to root, who sees it all: by the unit's files and by the kernel."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from logwatchd.commands import check_config
from logwatchd.commands.unit import Unit, unit_in
from logwatchd.commands.withheld import withheld
from logwatchd.errors import Exit
from tests.conftest import ROOT
from tests.helpers import ROOT_ONLY

pytestmark = pytest.mark.usefixtures("no_overrides")
_NOBODY = 65_534  # whom the unit's user is where there is no user logwatchd
_ACL_USER_OBJ, _ACL_USER, _ACL_GROUP_OBJ, _ACL_MASK, _ACL_OTHER, _NO_ID = 1, 2, 4, 16, 32, 0xFFFFFFFF


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine with the unit that comes with logwatchd."""
    unit = tmp_path / "machine" / "etc" / "systemd" / "system" / "logwatchd.service"
    unit.parent.mkdir(parents=True)
    unit.write_bytes((ROOT / "packaging" / "systemd" / "logwatchd.service").read_bytes())
    return tmp_path / "machine"


def drop_in(root: Path, text: str, folder: str = "etc", name: str = "override.conf") -> None:
    file = root / folder / "systemd" / "system" / "logwatchd.service.d" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"[Service]\n{text}\n")


def unit_of(root: Path) -> Unit:
    unit = unit_in(root)
    assert unit
    return unit


def log(root: Path, name: str, mode: int = 0o644) -> Path:
    file = root / name.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"x\n")
    file.chmod(mode)
    return file


def grant(file: Path, user: int) -> None:
    """As `setfacl -m u:USER:r` does."""
    entries = [(_ACL_USER_OBJ, 6, _NO_ID), (_ACL_USER, 4, user), (_ACL_GROUP_OBJ, 0, _NO_ID)]
    entries += [(_ACL_MASK, 4, _NO_ID), (_ACL_OTHER, 0, _NO_ID)]
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(file, "system.posix_acl_access", acl)
    except OSError:
        pytest.skip("this file system has no ACLs")


def test_the_units_own_settings_are_understood(root: Path) -> None:
    unit = unit_of(root)
    assert unit.starts.endswith(" run --config /etc/logwatchd.toml")
    assert unit.user == "logwatchd"
    assert unit.groups == ("adm", "systemd-journal")
    assert not unit.reads_all
    assert unit.credentials == frozenset(), "comments are none"


@pytest.mark.parametrize(
    ("text", "path", "setting"),
    [
        ("", "/home/app/a.log", "ProtectHome=yes"),
        ("", "/root/a.log", "ProtectHome=yes"),
        ("", "/tmp/a.log", "PrivateTmp=yes"),
        ("", "/var/log/a.log", None),
        ("", "/homes/a.log", None),
        ("ProtectHome=read-only", "/home/app/a.log", None),
        ("ProtectHome = no", "/root/a.log", None),
        ("PrivateTmp=no", "/tmp/a.log", None),
        ("ProtectHome=tmpfs", "/home/app/a.log", "ProtectHome=tmpfs"),
        ("ProtectHome=tmpfs\nBindReadOnlyPaths=/srv/x:/srv/y /home/app", "/home/app/a.log", None),
        ("ProtectHome=tmpfs\nBindReadOnlyPaths=/home/app:/mnt/app:rbind", "/home/app/a.log", "ProtectHome=tmpfs"),
        ("ProtectHome=tmpfs\nBindReadOnlyPaths=/home/app\nBindReadOnlyPaths=", "/home/app/a.log", "ProtectHome=tmpfs"),
        ("BindReadOnlyPaths=-/tmp/app", "/tmp/app/a.log", None),
        ("BindReadOnlyPaths=/home/app", "/home/app/a.log", "ProtectHome=yes"),
    ],
)
def test_what_the_sandbox_hides(root: Path, text: str, path: str, setting: str | None) -> None:
    drop_in(root, text)
    assert unit_of(root).hides(path) == setting


def test_drop_ins_count_in_the_order_of_their_names_and_one_name_once(root: Path) -> None:
    drop_in(root, "ProtectHome=no", "usr/lib", "50-b.conf")
    drop_in(root, "ProtectHome=read-only\nSupplementaryGroups=docker", "run", "10-a.conf")
    assert unit_of(root).hides("/home/a") is None
    drop_in(root, "ProtectHome=tmpfs", "etc", "50-b.conf")
    assert unit_of(root).hides("/home/a") == "ProtectHome=tmpfs", "that of /etc is in place of the one in /usr/lib"
    assert unit_of(root).groups == ("adm", "systemd-journal", "docker")
    drop_in(root, "SupplementaryGroups=\nSupplementaryGroups= \\\n  adm \\\n  web", "etc", "60-c.conf")
    assert unit_of(root).groups == ("adm", "web"), "an empty one takes back those before it"


def test_who_reads_all_is_told_of_no_rights(root: Path) -> None:
    file = log(root, "/var/log/a.log", 0o600)
    drop_in(root, "AmbientCapabilities=CAP_DAC_READ_SEARCH\nCapabilityBoundingSet=CAP_DAC_READ_SEARCH")
    assert not unit_of(root).reads_all, "a right over its own user namespace alone"
    drop_in(root, "AmbientCapabilities=CAP_DAC_READ_SEARCH\nPrivateUsers=no")
    assert withheld([file], root, unit_of(root)) == {}
    drop_in(root, "User=root")
    assert withheld([file], root, unit_of(root)) == {}


@ROOT_ONLY
def test_the_kernel_says_who_may_read_with_folders_groups_and_acls(root: Path) -> None:
    drop_in(root, "User=nobody\nSupplementaryGroups=adm")
    unit = unit_of(root)
    anyones, roots = log(root, "/var/log/a.log"), log(root, "/var/log/b.log", 0o640)
    behind = log(root, "/var/log/private/c.log")
    behind.parent.chmod(0o700)
    told = withheld([anyones, roots, behind], root, unit)
    assert list(told) == [roots, behind]
    assert told[roots] == (
        "/var/log/b.log: the daemon's user may not read it; allow it with 'setfacl -m u:nobody:r /var/log/b.log',"
        " and its folders with u:nobody:x"
    )
    os.chown(roots, 0, 4)  # adm, on every Debian
    assert list(withheld([roots], root, unit)) == []
    os.chown(roots, 0, 0)
    grant(roots, _NOBODY)
    assert list(withheld([roots], root, unit)) == [], "the mend that was told"


@ROOT_ONLY
def test_very_many_files_are_asked_about_in_parts(root: Path) -> None:
    files = [log(root, f"/var/log/{'x' * 200}-{number}.log", 0o600 if number % 2 else 0o644) for number in range(1201)]
    assert [*withheld(files, root, unit_of(root))] == files[1::2]


def test_check_config_tells_what_the_unit_will_not_see(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with TemporaryDirectory(prefix="logwatchd-tests-", dir="/tmp") as folder:
        files = [log(Path(folder), f"logs/{name}.log") for name in "ab"]
        file = Path(folder, "logwatchd.toml")
        file.write_text(f'[baseline]\npath = "{folder}/none"\nwarmup = "1h"\n[[source]]\npaths = ["{folder}/logs/*"]\n')
        drop_in(root, "User=root", name="a.conf")
        assert check_config.run(file, root) is Exit.OK
        assert "daemon's" not in capsys.readouterr().err, "the unit runs another configuration"
        drop_in(root, f"ExecStart=\nExecStart=/opt/logwatchd/bin/logwatchd run --config {file}", name="b.conf")
        assert check_config.run(file, root) is Exit.OK
        (told,) = (line for line in capsys.readouterr().err.splitlines() if "daemon's" in line)
        assert told == (
            f"warning: {files[0]}: the daemon's unit does not see it (PrivateTmp=yes); let it with"
            f" 'systemctl edit logwatchd', [Service], BindReadOnlyPaths={files[0].parent}"
            " (the same for 1 other file of source[1])"
        )
        drop_in(root, "PrivateTmp=no", name="c.conf")
        assert check_config.run(file, root) is Exit.OK
        assert "daemon's" not in capsys.readouterr().err
