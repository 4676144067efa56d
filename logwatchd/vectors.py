"""The types of embeddings and of what gives them. A module of its own: what only follows files does without numpy."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]  # (B, D) or (D,), L2-normalised
Embed = Callable[[Sequence[str]], Vectors]  # texts -> a row each
