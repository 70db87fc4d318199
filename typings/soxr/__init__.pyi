from typing import Any

import numpy as np
from numpy.typing import NDArray

def resample(x: NDArray[Any], in_rate: float, out_rate: float, quality: str = "HQ") -> NDArray[np.float32]: ...
