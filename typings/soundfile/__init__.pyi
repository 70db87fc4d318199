from os import PathLike
from typing import Any, Literal

from numpy.typing import NDArray

class SoundFile:
    frames: int
    samplerate: int
    channels: int
    format: str
    subtype: str

class LibsndfileError(RuntimeError): ...

def write(
    file: str | PathLike[str],
    data: NDArray[Any],
    samplerate: int,
    subtype: str | None = None,
    endian: str | None = None,
    format: str | None = None,
) -> None: ...
def read(
    file: str | PathLike[str],
    *,
    dtype: Literal["float64", "float32", "int32", "int16"] = "float64",
    always_2d: bool = False,
    samplerate: int | None = None,
    channels: int | None = None,
    format: str | None = None,
    subtype: str | None = None,
) -> tuple[NDArray[Any], int]: ...
def info(file: str | PathLike[str]) -> SoundFile: ...
