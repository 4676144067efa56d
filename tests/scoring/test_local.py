"""The local embedder: what its vectors have to be like, whatever the text."""

from __future__ import annotations

import hashlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from logwatchd.scoring.local import DIMENSIONS, LocalEmbedder
from tests.scoring.making import FAULT, NORMAL

EMBEDDER = LocalEmbedder()
TEXTS = st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=8)


@given(TEXTS)
def test_vectors_are_finite_unit_rows_of_fixed_size(texts: list[str]) -> None:
    vectors = EMBEDDER.embed(texts)
    assert vectors.shape == (len(texts), DIMENSIONS)
    assert vectors.dtype == np.float32
    lengths = np.linalg.norm(vectors, axis=1)
    assert np.all(np.isclose(lengths, 1, atol=1e-5) | (lengths == 0))


def test_no_text_with_words_is_nothing() -> None:
    assert np.all(np.abs(np.linalg.norm(EMBEDDER.embed([*NORMAL, FAULT, "a", "<N>"]), axis=1) - 1) < 1e-5)


@given(TEXTS)
def test_a_text_has_the_same_vector_alone_and_in_any_company(texts: list[str]) -> None:
    together = EMBEDDER.embed(texts)
    for row, text in enumerate(texts):
        assert np.array_equal(EMBEDDER.embed([text])[0], together[row])


def test_a_vector_does_not_change_between_versions() -> None:
    """A baseline on disk is compared with it: change the embedder's name when this has to change."""
    vector = EMBEDDER.embed(["connection refused by upstream, upstream <IP>"])[0]
    values = [f"{place} {vector[place]:.4f}" for place in np.flatnonzero(vector).tolist()]
    assert EMBEDDER.name == "local-1"
    assert hashlib.sha256(" ".join(values).encode()).hexdigest()[:16] == "498d94ed8ed352ff"


def test_like_texts_lie_near_and_other_texts_far() -> None:
    a, b, c = EMBEDDER.embed(
        ["user <ID> logged in from <IP>", "user <ID> logged out from <IP>", "disk failure on /dev/sda: I/O error"]
    )
    assert float(a @ b) > 0.6 > 0.2 > float(a @ c)


def test_more_texts_than_one_slice_holds() -> None:
    texts = [f"message {chr(97 + i % 26)} {'x' * 3000}" for i in range(200)]
    vectors = EMBEDDER.embed(texts)
    assert np.array_equal(vectors[0], vectors[26])
    assert not np.array_equal(vectors[0], vectors[1])
