"""The photo that goes through the whole book."""

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.cbook import get_sample_data
from PIL import Image
from torch import Tensor


def sample_photo(size: int | None = None) -> Tensor:
    """The book's photo, cut to a square: float `3 size size` in 0..1.

    Without a size it is 512. The photo is the portrait of Grace Hopper that
    matplotlib ships: US Navy, in the public domain. Raises ValueError for a
    size below 1.
    """
    if size is not None and size < 1:
        raise ValueError(f"size must be at least 1, got {size}")
    path = get_sample_data("grace_hopper.jpg", asfileobj=False)
    with Image.open(path) as image:
        photo = torch.from_numpy(np.array(image.convert("RGB")))
    photo = photo.permute(2, 0, 1).float() / 255
    side = min(photo.shape[1:])
    photo = photo[:, :side, :side]  # the top: the face is there
    if size is not None and size != side:
        photo = F.interpolate(
            photo[None],
            (size, size),
            mode="bilinear",
            align_corners=False,
            antialias=True,
        )[0]
    return photo.clamp(0, 1).contiguous()
