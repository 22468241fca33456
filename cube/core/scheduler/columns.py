"""The types of columns: one number per node, or per offer."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Column = npt.NDArray[np.int64] | npt.NDArray[np.float64]
Rows = slice | npt.NDArray[np.int64]
"""Which rows of the inventory: a slice where it is all of them (it copies nothing), else their numbers."""
