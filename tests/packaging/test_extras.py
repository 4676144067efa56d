"""scripts/install and the extras: real venvs and a real pip in a mount namespace, for a package that needs no other."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow

PYPROJECT = """
[build-system]
requires = []
build-backend = "making"
backend-path = ["logwatchd"]

[project]
name = "logwatchd"
version = "1"

[project.optional-dependencies]
plot = ["tiny-plot"]
both = ["Tiny.Plot>=1", "tiny-masks"]
redact = ["tiny_masks>=1"]
"""
# Builds the wheel: no registry is asked, and none is needed.
MAKING = """
import tomllib, zipfile
from pathlib import Path

def build_wheel(folder, config_settings=None, metadata_directory=None):
    extras = tomllib.loads(Path("pyproject.toml").read_text())["project"]["optional-dependencies"]
    needs = [f'Provides-Extra: {extra}\\n' + "".join(f'Requires-Dist: {need}; extra == "{extra}"\\n' for need in every)
             for extra, every in extras.items()]
    files = {str(path): path.read_text() for path in Path("logwatchd").glob("*.py")}
    info = "logwatchd-1.dist-info"
    files[f"{info}/METADATA"] = "Metadata-Version: 2.1\\nName: logwatchd\\nVersion: 1\\n" + "".join(needs)
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    files[f"{info}/entry_points.txt"] = "[console_scripts]\\nlogwatchd = logwatchd.__main__:main\\n"
    files[f"{info}/RECORD"] = "".join(f"{name},,\\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(f"{folder}/logwatchd-1-py3-none-any.whl", "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return "logwatchd-1-py3-none-any.whl"
"""
RUN = r"""
set -e
for folder in /opt /usr/local /etc /var/lib /run; do mount --bind "$BED/root$folder" "$folder"; done
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
"$@"
"""
THERE = """
import importlib.metadata
print(*sorted(one.name for one in importlib.metadata.distributions() if one.name.startswith("tiny")))
"""


@dataclass(frozen=True)
class Bed:
    """A machine's folders as the installer sees them."""

    folder: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "bash", "-c", RUN, "run", *command],
            env={"BED": str(self.folder), "LC_ALL": "C", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def install(self, *arguments: str) -> str:
        done = self.run(str(self.folder / "source" / "scripts" / "install"), *arguments)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def there(self) -> str:
        return self.run("/opt/logwatchd/bin/python", "-c", THERE).stdout.strip()


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], check=False).returncode:
        pytest.skip("needs a mount namespace, so root")
    check = ["/usr/bin/python3", "-c", "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"]
    if subprocess.run(check, capture_output=True, check=False).returncode:
        pytest.skip("/usr/bin/python3 is older than 3.11 or has no venv module")
    source = tmp_path / "source"
    for name in ("packaging", "scripts/install"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy2)(ROOT / name, source / name)
    (source / "logwatchd").mkdir()
    (source / "logwatchd" / "__init__.py").touch()
    (source / "logwatchd" / "__main__.py").write_text("def main(): pass\n")
    (source / "logwatchd" / "making.py").write_text(MAKING)
    (source / "logwatchd" / "reference.toml").touch()
    (source / "pyproject.toml").write_text(PYPROJECT)
    for name in ("README.md", "LICENSE"):
        (source / name).touch()
    for name in ("tiny_plot", "tiny_masks"):
        with zipfile.ZipFile(tmp_path / f"{name}-1-py3-none-any.whl", "w") as wheel:
            info = f"{name}-1.dist-info"
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")
    for name in ("opt", "usr/local", "etc", "var/lib", "run"):
        (tmp_path / "root" / name).mkdir(parents=True)
    for name in ("passwd", "group", "nsswitch.conf"):
        shutil.copy2(Path("/etc") / name, tmp_path / "root" / "etc")
    return Bed(tmp_path)


def test_an_upgrade_keeps_the_extras_whoever_installed_them(bed: Bed) -> None:
    bed.install()
    assert bed.there() == ""
    pip = ("/opt/logwatchd/bin/python", "-m", "pip", "install", "-q", "logwatchd[redact]")
    assert bed.run(*pip).returncode == 0
    assert "and the extras redact: " in bed.install("--upgrade")
    assert bed.there() == "tiny-masks"
    assert "is up to date" in bed.install("--with", "redact")
    assert "and the extras both,plot,redact: " in bed.install("--with=plot,redact", "--with", "both")
    assert bed.there() == "tiny-masks tiny-plot"
    # A newer system: its Python does not find what an older one's pip installed, and neither does the one in the venv.
    site = next((bed.folder / "root/opt/logwatchd/lib").glob("python3.*"))
    site.rename(site.with_name("python3.9"))
    assert "and the extras both,plot,redact: " in bed.install("--upgrade")
    assert bed.there() == "tiny-masks tiny-plot"
    (bed.folder / "source/pyproject.toml").write_text(PYPROJECT.replace("plot = [", "graph = ["))
    told = bed.install()
    assert "the extra plot is no more" in told
    assert "and the extras both,redact: " in told


def test_an_extra_that_there_is_none_of_and_one_that_cannot_be_fetched_change_nothing(bed: Bed) -> None:
    bed.install("--with", "redact")
    install = str(bed.folder / "source" / "scripts" / "install")
    refused = bed.run(install, "--with", "plots")
    assert refused.returncode == 2
    assert refused.stderr == "install: --with plots: there is no such extra; name one of these: plot both redact\n"
    for wrong in (["--uninstall", "--with", "plot"], ["--with"], ["--with="]):
        assert bed.run(install, *wrong).returncode == 2
    for wheel in bed.folder.glob("tiny_masks*"):
        wheel.unlink()
    failed = bed.run(install, "--upgrade")
    assert failed.returncode == 1
    assert "nothing was changed" in failed.stderr
    assert bed.there() == "tiny-masks"


def test_a_debian_package_may_have_all_extras_that_there_are_and_no_others() -> None:
    done = subprocess.run([ROOT / "scripts" / "build-deb", "--with", "plot,nonsense"], capture_output=True, text=True)
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert done.returncode == 2
    named = done.stderr.partition("--with nonsense: there is no such extra; name one of these: ")[2]
    assert set(named.split()) == known.keys() - {"dev", "models"}
