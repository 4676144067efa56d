"""Any file as a configuration: what is none, any bytes, any tables."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logwatchd import config
from logwatchd.errors import ConfigError

pytestmark = pytest.mark.usefixtures("no_overrides")


def test_what_is_no_file_is_named_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "latin").write_bytes(b'x = "\xff"')
    for path, words in [
        (tmp_path, "is a folder, not a configuration file"),
        (tmp_path / "pipe", "is a pipe, not a configuration file"),
        (Path("/dev/null"), "is a device, not a configuration file"),
        (tmp_path / "nothing", "no such configuration file"),
        (tmp_path / "latin", "the configuration file is not UTF-8 (byte 5)"),
        (tmp_path / "latin" / "x", "cannot be read: Not a directory"),
    ]:
        with pytest.raises(ConfigError) as raised:
            config.load(path)
        (line,) = raised.value.problems
        assert line.startswith(f"{path}: ")
        assert words in line


@given(st.binary(max_size=200))
def test_no_file_makes_a_traceback(content: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        with pytest.raises(ConfigError):  # no such content has a valid [[source]]
            config.load(Path(file.name))


value = st.recursive(
    st.booleans() | st.integers(-10, 10) | st.text(max_size=5) | st.sampled_from(["auto", "openai", "/x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["paths", "x", "enabled"]), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(list(config.Settings.model_fields)), value))
def test_any_tables_end_in_a_configuration_or_in_lines(tables: dict[str, object]) -> None:
    with tempfile.NamedTemporaryFile("w") as file:
        for key, given_value in tables.items():
            file.write(f"{key} = {_toml(given_value)}\n")
        file.flush()
        try:
            said = [str(source) for source in config.load(Path(file.name)).sources]
        except ConfigError as error:
            said = error.problems
    assert said
    assert all(said)


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value).replace("\x7f", "\\u007f")
