"""What happens to a picture and its labels before the network sees them."""

from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import Tensor

try:
    from torchvision import tv_tensors
    from torchvision.transforms import v2
    from torchvision.transforms.v2 import functional as F
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "transforms need torchvision: pip install torchvision"
    ) from error

from .images import VOID
from .normalize import MEAN, STD, check_statistics

AUGMENT = ("scale", "flip", "colour")


def train_transform(
    crop_size: int,
    *,
    short_side: int | None = None,
    augment: Collection[str] = AUGMENT,
    mean: Sequence[float] = MEAN,
    std: Sequence[float] = STD,
) -> v2.Transform:
    """The official augmentation: uint8 `c h w`, labels `h w` -> a crop.

    Out come a normalised picture, `c crop_size crop_size`, and its labels,
    `crop_size crop_size` (int64). In turn: resize by a factor of 0.5 to 2
    (of the size at which the shorter side has `short_side` pixels, or of the
    picture's own size); crop, with at most 75 % of one class; flip; change
    brightness, contrast, saturation and hue; normalise; fill up with zeros
    and void. `augment` names which of "scale", "flip" and "colour" to do.
    `mean` and `std` are on the scale 0..255, one number for each channel, and
    ImageNet's by default; pictures with other than three channels have no
    saturation and hue to change. Takes `tv_tensors`, an `Image` and a `Mask`.
    Raises ValueError for another augmentation.
    Source: the official configs for ADE20K and Cityscapes. Three things are
    different: a picture that shrinks is smoothed first, labels are resized by
    the centres of their pixels, and brightness is multiplied and not added.
    """
    if isinstance(augment, str):
        raise ValueError(f"augment must be a collection, got {augment!r}")
    unknown = sorted(set(augment) - set(AUGMENT))
    if unknown:
        raise ValueError(
            f"augment must be of {', '.join(AUGMENT)}, got {', '.join(unknown)}"
        )
    factors = (0.5, 2.0) if "scale" in augment else (1.0, 1.0)
    steps = [
        RandomScale(factors, short_side=short_side),
        RandomClassCrop(crop_size, max_share=0.75),
    ]
    if "flip" in augment:
        steps.append(v2.RandomHorizontalFlip())
    if "colour" in augment:
        steps.append(photometric_distortion(channels=len(mean)))
    return v2.Compose(
        [
            *steps,
            v2.ToDtype(torch.float32, scale=True),
            Normalize(mean, std),
            PadTo(crop_size),
            v2.ToDtype({tv_tensors.Mask: torch.int64, "others": None}),
            v2.ToPureTensor(),
        ]
    )


def eval_transform(
    image: Tensor,
    *,
    short_side: int | None = None,
    mean: Sequence[float] = MEAN,
    std: Sequence[float] = STD,
) -> Tensor:
    """Normalise, with sides that are multiples of 32: `c h w` -> `c h' w'`.

    The sides are rounded up, those of the picture or, if `short_side` is
    given, those that give its shorter side so many pixels. The labels stay as
    they are: the logits are resized to them. `mean` and `std` are as in
    `train_transform`. Source: the official ADE20K configuration, which found
    0.5 to 1 points of mIoU in it.
    """
    h, w = scaled(image.shape[-2:], 1.0, short_side)
    image = F.resize(image, [-h // 32 * -32, -w // 32 * -32])
    image = F.to_dtype(image, torch.float32, scale=True)
    return Normalize(mean, std)(image)


def scaled(
    size: Sequence[int], factor: float, short_side: int | None
) -> tuple[int, int]:
    """Height and width after scaling by `factor`, at least one pixel each."""
    h, w = size
    if short_side is not None:
        check_pixels("short_side", short_side)
        factor *= short_side / min(h, w)
    return max(1, round(h * factor)), max(1, round(w * factor))


def check_pixels(name: str, pixels: int) -> None:
    """Raise ValueError for a length that is no whole number of pixels."""
    if not isinstance(pixels, int) or pixels < 1:
        raise ValueError(f"{name} must be at least 1 pixel, got {pixels!r}")


class RandomScale(v2.Transform):
    """Resize by a random factor; the labels stay under their pixels."""

    def __init__(
        self, factors: tuple[float, float], *, short_side: int | None = None
    ):
        super().__init__()
        if short_side is not None:
            check_pixels("short_side", short_side)
        self.factors = factors
        self.short_side = short_side

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        low, high = self.factors
        factor = low + (high - low) * torch.rand(()).item()
        size = flat_inputs[0].shape[-2:]
        return {"size": list(scaled(size, factor, self.short_side))}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if not isinstance(inpt, tv_tensors.Mask):
            return F.resize(inpt, params["size"])
        # The nearest pixel by its centre. By default torchvision takes the
        # nearest corner, half a pixel from where the picture is read.
        labels = F.resize_image(
            inpt.as_subclass(Tensor)[None],
            params["size"],
            interpolation=v2.InterpolationMode.NEAREST_EXACT,
        )
        return tv_tensors.wrap(labels[0], like=inpt)


class RandomClassCrop(v2.Transform):
    """Crop where no class has more than `max_share`, void left out.

    The last of `tries` positions is taken if none will do. A side that is
    shorter than the crop stays whole. Labels are a `Mask`.
    """

    def __init__(self, size: int, *, max_share: float, tries: int = 10):
        super().__init__()
        check_pixels("the crop's size", size)
        self.size = size
        self.max_share = max_share
        self.tries = tries

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        labels = next(x for x in flat_inputs if isinstance(x, tv_tensors.Mask))
        h, w = labels.shape[-2:]
        height, width = min(h, self.size), min(w, self.size)
        for _ in range(self.tries):
            top = torch.randint(h - height + 1, ()).item()
            left = torch.randint(w - width + 1, ()).item()
            crop = labels[..., top : top + height, left : left + width]
            counts = crop[crop != VOID].bincount()
            if (counts > 0).sum() > 1 and (
                counts.max() < self.max_share * counts.sum()
            ):
                break
        return {"top": top, "left": left, "height": height, "width": width}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.crop(inpt, **params)


def photometric_distortion(*, channels: int = 3) -> v2.Transform:
    """Brightness, contrast, saturation and hue, each one half of the time.

    Brightness changes by an eighth at most, contrast and saturation by half,
    hue by a tenth of the circle; contrast comes first or last. Pictures with
    other than three channels have brightness and contrast alone. Source:
    mmsegmentation's PhotoMetricDistortion, which adds up to 32 of 255 to the
    brightness instead.
    """
    if channels != 3:
        return BrightnessContrast(brightness=32 / 255, contrast=0.5)

    def sometimes(**options) -> v2.Transform:
        return v2.RandomApply([v2.ColorJitter(**options)], p=0.5)

    contrast = sometimes(contrast=0.5)
    colour = v2.Compose([sometimes(saturation=0.5), sometimes(hue=0.1)])
    return v2.Compose(
        [
            sometimes(brightness=32 / 255),
            v2.RandomChoice(
                [v2.Compose([contrast, colour]), v2.Compose([colour, contrast])]
            ),
        ]
    )


class BrightnessContrast(v2.Transform):
    """Brightness, then contrast, each one half of the time: uint8 `c h w`.

    For any number of channels, where torchvision's own take one or three. A
    picture is multiplied by a random factor, and its distances from its mean
    by another; both differ from 1 by the given numbers at most.
    """

    def __init__(self, *, brightness: float, contrast: float):
        super().__init__()
        self.brightness = brightness
        self.contrast = contrast

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        def factor(largest: float) -> float:
            applied, place = torch.rand(2).tolist()
            return 1 + largest * (2 * place - 1) if applied < 0.5 else 1.0

        return {
            "brightness": factor(self.brightness),
            "contrast": factor(self.contrast),
        }

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if not isinstance(inpt, tv_tensors.Image):
            return inpt
        x = inpt.as_subclass(Tensor) * params["brightness"]
        x = x.mean() + params["contrast"] * (x - x.mean())
        x = x.clamp(0, 255).round().to(torch.uint8)
        return tv_tensors.wrap(x, like=inpt)


class Normalize(v2.Normalize):
    """Normalise as torchvision does, but with numbers on the scale 0..255.

    mean, std: one number for each channel, which is checked: broadcasting
    would take a single one for all of them. Pictures are floats in 0..1.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float]):
        check_statistics(mean, std)
        super().__init__([m / 255 for m in mean], [s / 255 for s in std])

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if isinstance(inpt, tv_tensors.Mask):
            return inpt
        if inpt.shape[-3] != len(self.mean):
            raise ValueError(
                f"the picture must have {len(self.mean)} channels, as many as "
                f"mean and std, got {inpt.shape[-3]}"
            )
        return super().transform(inpt, params)


class PadTo(v2.Transform):
    """Fill up to `size` x `size` at the right and the bottom.

    A picture with zeros, which is the mean colour once it is normalised;
    labels with void.
    """

    def __init__(self, size: int):
        super().__init__()
        self.size = size

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        h, w = inpt.shape[-2:]
        fill = VOID if isinstance(inpt, tv_tensors.Mask) else 0
        padding = [0, 0, max(0, self.size - w), max(0, self.size - h)]
        return F.pad(inpt, padding, fill=fill)
