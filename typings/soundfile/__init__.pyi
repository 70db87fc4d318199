from collections.abc import Iterator
from os import PathLike
from typing import Any, BinaryIO, Literal, Self

from numpy.typing import NDArray

class SoundFile:
    frames: int
    samplerate: int
    channels: int
    format: str
    subtype: str
    def __init__(
        self,
        file: str | PathLike[str] | BinaryIO,
        mode: str = "r",
        samplerate: int | None = None,
        channels: int | None = None,
        subtype: str | None = None,
        endian: str | None = None,
        format: str | None = None,
    ) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *args: object) -> None: ...
    def read(self, *, dtype: str = "float64", always_2d: bool = False) -> NDArray[Any]: ...
    def write(self, data: NDArray[Any]) -> None: ...
    def blocks(self, blocksize: int, *, dtype: str = "float64", always_2d: bool = False) -> Iterator[NDArray[Any]]: ...

class LibsndfileError(RuntimeError): ...

def write(
    file: str | PathLike[str] | BinaryIO,
    data: NDArray[Any],
    samplerate: int,
    subtype: str | None = None,
    endian: str | None = None,
    format: str | None = None,
) -> None: ...
def read(
    file: str | PathLike[str] | BinaryIO,
    *,
    dtype: Literal["float64", "float32", "int32", "int16"] = "float64",
    always_2d: bool = False,
    samplerate: int | None = None,
    channels: int | None = None,
    format: str | None = None,
    subtype: str | None = None,
) -> tuple[NDArray[Any], int]: ...
def info(file: str | PathLike[str]) -> SoundFile: ...
