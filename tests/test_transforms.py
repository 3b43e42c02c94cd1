"""The augmentation keeps labels under their pixels, and repeats itself."""

import pytest
import torch

pytest.importorskip("torchvision")
from torchvision import tv_tensors

from segformer_tutorial.data import VOID, normalize
from segformer_tutorial.data.batches import Augmented, seed_of
from segformer_tutorial.data.transforms import (
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


def test_normalised_as_everywhere(monkeypatch):
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
def test_sides_in_use_are_multiples_of_32(size, side, expected):
    image = torch.zeros(3, *size, dtype=torch.uint8)
    assert eval_transform(image, short_side=side).shape == (3, *expected)


class Scenes(torch.utils.data.Dataset):
    def __getitem__(self, index):
        image, labels = scene()
        return image.as_subclass(torch.Tensor), labels.long() + 0 * index


def test_a_sample_depends_on_seed_epoch_and_index_alone():
    data = Augmented(Scenes(), train_transform(64), seed=1)
    first = data[0, 5]
    torch.rand(7)
    for again in (
        data[0, 5],
        Augmented(Scenes(), data.transform, seed=1)[0, 5],
    ):
        assert all(map(torch.equal, first, again))
    others = (
        data[1, 5],
        data[0, 6],
        Augmented(Scenes(), data.transform, seed=2)[0, 5],
    )
    for other in others:
        assert not torch.equal(first[0], other[0])


def test_a_sample_leaves_the_random_state_alone():
    data = Augmented(Scenes(), train_transform(64), seed=1)
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    data[0, 0]
    assert torch.equal(torch.rand(3), expected)


def test_seeds_differ_and_stay():
    seeds = {seed_of("a", k, j) for k in range(50) for j in range(50)}
    assert len(seeds) == 2500 and all(0 <= seed < 2**63 for seed in seeds)
    assert seed_of("augment", 0, 1, 2) == seed_of("augment", 0, 1, 2)
    assert seed_of("augment", 0, 12) != seed_of("augment", 0, 1, 2)
