"""The type of embeddings. A module of its own, so that what only follows files does without numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]  # (B, D) or (D,), L2-normalised
