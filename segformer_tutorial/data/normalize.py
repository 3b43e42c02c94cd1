"""The scale on which the networks see their pictures."""

from collections.abc import Sequence

from torch import Tensor

# ImageNet's statistics, on the scale 0..255, as in the official configs.
MEAN = (123.675, 116.28, 103.53)
STD = (58.395, 57.12, 57.375)


def normalize(
    image: Tensor, mean: Sequence[float] = MEAN, std: Sequence[float] = STD
) -> Tensor:
    """Subtract the mean, divide by the standard deviation: `... c h w`.

    `image` holds floats in 0..1; `mean` and `std` have one number for each
    channel, on the scale 0..255, and are ImageNet's by default. Raises
    ValueError for another number of channels and for integers.
    """
    if image.ndim < 3 or image.shape[-3] != len(mean):
        raise ValueError(
            f"image must have shape ... {len(mean)} h w, "
            f"got {tuple(image.shape)}"
        )
    if not image.is_floating_point():
        raise ValueError(f"image must be float in 0..1, got {image.dtype}")
    center = image.new_tensor(mean)[:, None, None]
    scale = image.new_tensor(std)[:, None, None]
    return (image * 255 - center) / scale


def default_statistics(
    channels: int,
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation where none are given, for each channel.

    On the scale 0..255. Three channels get ImageNet's; others the middle,
    127.5, and a standard deviation about as large as ImageNet's, 57.5.
    """
    if channels == 3:
        return MEAN, STD
    return (127.5,) * channels, (57.5,) * channels


def check_statistics(mean: Sequence[float], std: Sequence[float]) -> None:
    """Raise ValueError unless each channel has a mean and a positive std."""
    if not mean or len(mean) != len(std) or any(s <= 0 for s in std):
        raise ValueError(
            "mean and std must have one number for each channel, std "
            f"positive, got {tuple(mean)} and {tuple(std)}"
        )
