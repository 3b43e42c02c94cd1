"""The mean becomes 0 and the standard deviation 1, channel by channel."""

import pytest
import torch

from segformer_tutorial.data import MEAN, STD, default_statistics, normalize
from segformer_tutorial.data.normalize import check_statistics


def test_normalize_centres_imagenet_s_mean():
    mean = torch.tensor(MEAN).view(3, 1, 1) / 255
    std = torch.tensor(STD).view(3, 1, 1) / 255
    image = torch.cat([mean, mean + std, mean - 2 * std], dim=2)
    expected = torch.tensor([0.0, 1.0, -2.0]).expand(3, 1, 3)
    torch.testing.assert_close(normalize(image), expected, atol=1e-5, rtol=0)
    batch = normalize(image[None].double())
    assert batch.shape == (1, 3, 1, 3) and batch.dtype == torch.float64
    with pytest.raises(ValueError, match=r"\.\.\. 3 h w, got \(1, 3\)"):
        normalize(image[0])
    with pytest.raises(ValueError, match=r"float in 0\.\.1, got torch.uint8"):
        normalize(image.byte())


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_statistics_where_none_are_given(channels):
    mean, std = default_statistics(channels)
    assert len(mean) == len(std) == channels
    assert (mean == MEAN) == (channels == 3)
    middle = torch.tensor(mean).view(-1, 1, 1) / 255
    assert normalize(middle, mean, std).abs().max() < 1e-5


@pytest.mark.parametrize(
    ("mean", "std"), [((1.0,), (1.0, 2.0)), ((1.0,), (0.0,)), ((), ())]
)
def test_statistics_that_do_not_fit(mean, std):
    with pytest.raises(ValueError, match="one number for each channel"):
        check_statistics(mean, std)
