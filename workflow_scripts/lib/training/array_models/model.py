"""What the forms share: the file, and what can be asked of it."""

from __future__ import annotations

import zipfile
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import IO, Any, ClassVar, Self

import numpy as np

__all__ = ["ArrayModel"]


@dataclass(frozen=True)
class ArrayModel(ABC):
    """A model of a matrix with so many `columns`. A form's further fields are arrays, whose types
    `KINDS` tells."""

    KINDS: ClassVar[dict[str, str]]
    columns: int

    @classmethod
    @abstractmethod
    def of(cls, model: Any) -> Self:
        """The arrays of a fitted model."""

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

    def write(self, file: IO[bytes]) -> None:
        """Write the model to an open file; equal models give equal bytes."""
        arrays: dict[str, Any] = {name: getattr(self, name) for name in self.KINDS}
        np.savez(file, columns=np.array(self.columns, np.int64), **arrays)

    @classmethod
    def read(cls, file: IO[bytes]) -> Self:
        """Read what `write` has written.

        Raises
        ------
        Exception
            One of `model_files.DAMAGED`: it is something else, or no sound model.
        """
        with zipfile.ZipFile(file) as archive:
            wanted = [f"{name}.npy" for name in ("columns", *cls.KINDS)]
            if sorted(archive.namelist()) != sorted(wanted):
                raise ValueError("it does not hold the arrays of its form")
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                raise ValueError("its arrays are compressed")
        file.seek(0)
        with np.load(file, allow_pickle=False) as arrays:
            model = cls(int(arrays["columns"]), **{name: arrays[name] for name in cls.KINDS})
        model.check()
        return model

    def check_matrix(self, matrix: np.ndarray) -> None:
        """Raise ValueError where a matrix has other columns than the model was trained on."""
        if matrix.ndim != 2 or matrix.shape[1] != self.columns:
            raise ValueError(f"a matrix {matrix.shape} came to a model of {self.columns} columns")

    def check_array(self, name: str, length: int) -> None:
        """Raise ValueError unless an array is (length,) of its kind."""
        array = getattr(self, name)
        if array.dtype != self.KINDS[name] or array.shape != (length,):
            raise ValueError(f"{name} is not {self.KINDS[name]} of one row")
