"""What all array models share: the file format and the interface."""

import zipfile
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import IO, Any, ClassVar, Self

import numpy as np


@dataclass(frozen=True)
class ArrayModel(ABC):
    """A model for a matrix with `columns` columns. Subclasses add one field per entry of
    `DTYPES`, an array of that type."""

    DTYPES: ClassVar[dict[str, str]]
    columns: int

    @classmethod
    @abstractmethod
    def from_estimator(cls, model: Any) -> Self:
        """Convert a fitted model."""

    @abstractmethod
    def scores(self, matrix: np.ndarray) -> np.ndarray:
        """The probability of fake for each row of `matrix` (n, columns), (n,) float64."""

    @abstractmethod
    def contributions(self, matrix: np.ndarray) -> tuple[float, np.ndarray]:
        """The contribution of each column to each row's score.

        Returns
        -------
        (base_value, contributions)
            A number and (n, columns) float64; the base value and a row's contributions add up to
            its score.
        """

    @abstractmethod
    def check(self) -> None:
        """Raise ValueError if the arrays are not a valid model."""

    def write(self, file: IO[bytes]) -> None:
        """Write the model to an open file; equal models give equal bytes."""
        arrays: dict[str, Any] = {name: getattr(self, name) for name in self.DTYPES}
        np.savez(file, columns=np.array(self.columns, np.int64), **arrays)

    @classmethod
    def read(cls, file: IO[bytes]) -> Self:
        """Read a model that `write` wrote.

        Raises
        ------
        Exception
            One of `model_files.DAMAGED`: the file is not a valid model of this form.
        """
        with zipfile.ZipFile(file) as archive:
            expected = [f"{name}.npy" for name in ("columns", *cls.DTYPES)]
            if sorted(archive.namelist()) != sorted(expected):
                raise ValueError("it does not contain the arrays of its form")
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                raise ValueError("its arrays are compressed")
        file.seek(0)
        with np.load(file, allow_pickle=False) as arrays:
            model = cls(int(arrays["columns"]), **{name: arrays[name] for name in cls.DTYPES})
        model.check()
        return model

    def check_matrix(self, matrix: np.ndarray) -> None:
        """Raise ValueError unless the matrix has the model's number of columns."""
        if matrix.ndim != 2 or matrix.shape[1] != self.columns:
            raise ValueError(
                f"the matrix has shape {matrix.shape}, the model {self.columns} columns"
            )

    def check_array(self, name: str, length: int) -> None:
        """Raise ValueError unless an array has shape (length,) and its declared type."""
        array = getattr(self, name)
        if array.dtype != self.DTYPES[name] or array.shape != (length,):
            raise ValueError(f"{name} is not a {self.DTYPES[name]} array of length {length}")
