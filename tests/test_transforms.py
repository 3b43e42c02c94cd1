"""The augmentation keeps labels under their pixels, and repeats itself."""

import pytest
import torch

pytest.importorskip("torchvision")
from torchvision import tv_tensors

from segformer_tutorial.data import VOID, normalize
from segformer_tutorial.data.transforms import (
    AUGMENT,
    BrightnessContrast,
    PadTo,
    RandomClassCrop,
    RandomScale,
    eval_transform,
    photometric_distortion,
    train_transform,
)


def scene(h: int = 90, w: int = 120):
    """Four classes in large blocks, and a picture that shows the class."""
    rows, columns = torch.meshgrid(
        torch.arange(h), torch.arange(w), indexing="ij"
    )
    labels = (rows // 30 + columns // 30) % 4
    return tv_tensors.Image((labels * 60).byte().expand(3, h, w)), (
        tv_tensors.Mask(labels.byte())
    )


def test_training_sample():
    image, labels = train_transform(64)(*scene())
    assert image.shape == (3, 64, 64) and image.dtype == torch.float32
    assert labels.shape == (64, 64) and labels.dtype == torch.int64
    assert type(image) is type(labels) is torch.Tensor
    assert set(labels.unique().tolist()) <= {0, 1, 2, 3, VOID}


def test_without_augmentation_it_is_the_picture_itself():
    image, labels = scene(64, 64)
    changed, same = train_transform(64, augment=())(image, labels)
    torch.testing.assert_close(changed, normalize(image / 255))
    assert torch.equal(same, labels.long())
    with pytest.raises(ValueError, match="scale, flip, colour, got turn"):
        train_transform(64, augment=("flip", "turn"))
    with pytest.raises(ValueError, match="a collection, got 'flip'"):
        train_transform(64, augment="flip")


@pytest.mark.parametrize("seed", range(8))
def test_labels_stay_under_their_pixels(seed):
    """Away from borders the class can be read off the picture."""
    torch.manual_seed(seed)
    image, labels = scene()
    for step in (RandomScale((0.5, 2.0)), RandomClassCrop(64, max_share=0.75)):
        image, labels = step(image, labels)
    read = (image[0].double() / 60).round()
    agree = (read == labels).double().mean()
    assert agree > 0.97
    shifted = (read[:, 2:] == labels[:, :-2]).double().mean()
    assert shifted < agree


def test_scaled_labels_are_centred():
    """Twice as large, every pixel becomes 2 x 2, in place."""
    image, labels = scene()
    step = RandomScale((2.0, 2.0))
    large = step(image, labels)[1]
    expected = labels.repeat_interleave(2, 0).repeat_interleave(2, 1)
    assert torch.equal(large, expected)
    half = RandomScale((0.5, 0.5))(image, labels)[1]
    assert torch.equal(half, labels[1::2, 1::2])


@pytest.mark.parametrize(("side", "size"), [(None, (45, 60)), (30, (15, 20))])
def test_scale_is_of_the_own_or_of_a_given_size(side, size):
    image, labels = RandomScale((0.5, 0.5), short_side=side)(*scene())
    assert image.shape[1:] == labels.shape == size


def test_scale_draws_all_factors():
    sides = [RandomScale((0.5, 2.0))(*scene())[1].shape[0] for _ in range(80)]
    assert 45 <= min(sides) < 60 and 160 < max(sides) <= 180


def test_crop_avoids_one_class():
    """One class fills all but a corner: a crop with the corner is found."""
    labels = torch.zeros(60, 200, dtype=torch.uint8)
    labels[:, 150:] = 1
    image = tv_tensors.Image(labels.expand(3, 60, 200) * 100)
    shares = []
    for seed in range(40):
        torch.manual_seed(seed)
        crop = RandomClassCrop(60, max_share=0.75, tries=50)
        _, part = crop(image, tv_tensors.Mask(labels))
        shares.append((part == 0).double().mean().item())
    assert all(0.25 < share < 0.75 for share in shares)


def test_crop_of_void_or_of_one_class_still_gives_a_crop():
    for value in (0, VOID):
        labels = torch.full((80, 90), value, dtype=torch.uint8)
        image = tv_tensors.Image(labels.expand(3, 80, 90))
        _, part = RandomClassCrop(64, max_share=0.75)(
            image, tv_tensors.Mask(labels)
        )
        assert part.shape == (64, 64)


def test_small_pictures_are_filled_up_with_the_mean_and_void():
    image, labels = PadTo(64)(
        tv_tensors.Image(torch.ones(3, 30, 50)),
        tv_tensors.Mask(torch.ones(30, 50, dtype=torch.uint8)),
    )
    assert image.shape == (3, 64, 64) and labels.shape == (64, 64)
    assert image[:, :30, :50].eq(1).all() and image.sum() == 3 * 30 * 50
    assert labels[:30, :50].eq(1).all()
    assert (labels == VOID).sum() == 64 * 64 - 30 * 50


def test_colours_change_and_labels_do_not():
    _, labels = scene()
    image = tv_tensors.Image(torch.randint(256, (3, 90, 120)).byte())
    changed = 0
    for seed in range(10):
        torch.manual_seed(seed)
        other, same = photometric_distortion()(image, labels)
        assert torch.equal(same, labels) and other.dtype == torch.uint8
        changed += not torch.equal(other, image)
    assert changed >= 7


def test_normalised_as_everywhere():
    image = torch.randint(256, (3, 64, 96), dtype=torch.uint8)
    torch.testing.assert_close(eval_transform(image), normalize(image / 255))


@pytest.mark.parametrize(
    ("size", "side", "expected"),
    [
        ((64, 96), None, (64, 96)),
        ((65, 97), None, (96, 128)),
        ((180, 240), None, (192, 256)),
        ((480, 640), 128, (128, 192)),
    ],
)
def test_sides_at_inference_are_multiples_of_32(size, side, expected):
    image = torch.zeros(3, *size, dtype=torch.uint8)
    assert eval_transform(image, short_side=side).shape == (3, *expected)


# Other channels, and numbers that no picture has ----------------------------


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_any_number_of_channels(channels):
    """Away from borders the class can be read off every channel."""
    mean, std = (20.0,) * channels, tuple(float(k + 1) for k in range(channels))
    image, labels = scene()
    image = tv_tensors.Image(image[:1].expand(channels, -1, -1))
    x, y = train_transform(
        64, augment=("scale", "flip"), mean=mean, std=std, short_side=80
    )(image, labels)
    assert x.shape == (channels, 64, 64) and y.shape == (64, 64)
    read = (x * torch.tensor(std).view(-1, 1, 1) + 20) / 60
    counted = y != VOID
    assert (read.round() == y)[:, counted].double().mean() > 0.95
    x, _ = train_transform(64, augment=AUGMENT, mean=mean, std=std)(
        image, labels
    )
    assert x.shape == (channels, 64, 64) and x.isfinite().all()
    z = eval_transform(image.as_subclass(torch.Tensor), mean=mean, std=std)
    assert z.shape == (channels, 96, 128)
    flat = torch.full((channels, 64, 64), 30, dtype=torch.uint8)
    z = eval_transform(flat, mean=mean, std=std)
    for k in range(channels):
        torch.testing.assert_close(z[k], torch.full((64, 64), 10 / (k + 1)))


def test_brightness_and_contrast_of_many_channels():
    image, labels = scene()
    image = tv_tensors.Image(image[:1].expand(4, -1, -1))
    step = BrightnessContrast(brightness=0.1, contrast=0.5)
    changed = 0
    for seed in range(20):
        torch.manual_seed(seed)
        other, same = step(image, labels)
        assert torch.equal(same, labels) and other.dtype == torch.uint8
        assert isinstance(other, tv_tensors.Image)
        assert (
            other == other[:1]
        ).all()  # no channel is treated in its own way
        assert other.float().mean() == pytest.approx(90, rel=0.12)
        spread = other.float().std() / image.float().std()
        assert 0.4 < spread < 1.7
        changed += not torch.equal(other, image)
    assert 10 <= changed < 20


def test_mean_and_std_must_fit_the_picture():
    image, labels = scene()
    with pytest.raises(ValueError, match="have 1 channels, .* got 3"):
        train_transform(64, augment=(), mean=(1.0,), std=(1.0,))(image, labels)
    with pytest.raises(ValueError, match="have 3 channels, .* got 1"):
        eval_transform(image[:1])
    with pytest.raises(ValueError, match="one number for each channel"):
        train_transform(64, mean=(1.0, 2.0), std=(1.0,))
    with pytest.raises(ValueError, match="std positive"):
        eval_transform(image, mean=(1.0,) * 3, std=(0.0,) * 3)


@pytest.mark.parametrize("side", [0, -3, 1.5, "64"])
def test_sides_must_be_pixels(side):
    image, _ = scene()
    with pytest.raises(ValueError, match="short_side must be at least 1 pixel"):
        train_transform(64, short_side=side)
    with pytest.raises(ValueError, match="short_side must be at least 1 pixel"):
        eval_transform(image, short_side=side)
    with pytest.raises(ValueError, match="size must be at least 1 pixel"):
        train_transform(side)
