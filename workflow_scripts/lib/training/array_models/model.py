"""What the plain forms share: the file, and what can be asked of it."""

from __future__ import annotations

import io
import zipfile
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

__all__ = ["PlainModel"]


@dataclass(frozen=True)
class PlainModel(ABC):
    """A model of a matrix with so many `columns`. A form's further fields are arrays, whose types
    `KINDS` tells."""

    KINDS: ClassVar[dict[str, str]]
    columns: int

    @classmethod
    @abstractmethod
    def of(cls, model: Any) -> Self:
        """The plain form of a fitted model."""

    @abstractmethod
    def scores(self, matrix: np.ndarray) -> np.ndarray:
        """The score of fake of each row of `matrix` (n, columns), (n,) float64."""

    @abstractmethod
    def contributions(self, matrix: np.ndarray) -> tuple[float, np.ndarray]:
        """By how much each column moved each row's score.

        Returns
        -------
        (bias, moves)
            Where every row starts, and (n, columns) float64: together they make the score.
        """

    @abstractmethod
    def check(self) -> None:
        """Raise ValueError where the arrays are no such model."""

    def to_bytes(self) -> bytes:
        """The model as a file; equal models give equal bytes."""
        out = io.BytesIO()
        arrays: dict[str, Any] = {name: getattr(self, name) for name in self.KINDS}
        np.savez(out, columns=np.array(self.columns, np.int64), **arrays)
        return out.getvalue()

    @classmethod
    def read(cls, content: bytes) -> Self:
        """Read what `to_bytes` gave.

        Raises
        ------
        ValueError, EOFError, KeyError, MemoryError, zipfile.BadZipFile
            It is something else, or no sound model.
        """
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            wanted = [f"{name}.npy" for name in ("columns", *cls.KINDS)]
            if sorted(archive.namelist()) != sorted(wanted):
                raise ValueError("it does not hold the arrays of its form")
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                raise ValueError("its arrays are compressed")
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            model = cls(int(arrays["columns"]), **{name: arrays[name] for name in cls.KINDS})
        model.check()
        return model

    def check_array(self, name: str, length: int) -> None:
        """Raise ValueError unless an array is (length,) of its kind."""
        array = getattr(self, name)
        if array.dtype != self.KINDS[name] or array.shape != (length,):
            raise ValueError(f"{name} is not {self.KINDS[name]} of one row")
