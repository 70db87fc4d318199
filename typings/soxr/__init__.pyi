from typing import Any

import numpy as np
from numpy.typing import NDArray

def resample(x: NDArray[Any], in_rate: float, out_rate: float, quality: str = "HQ") -> NDArray[np.float32]: ...

class ResampleStream:
    def __init__(self, in_rate: float, out_rate: float, num_channels: int, dtype: str = "float32") -> None: ...
    def resample_chunk(self, x: NDArray[Any], last: bool = False) -> NDArray[np.float32]: ...
