"""The photo: a square of any size, always the same picture."""

import pytest
import torch

pytest.importorskip("matplotlib")

from segformer_tutorial.classroom.photo import sample_photo


def test_photo_is_a_square_in_range():
    whole = sample_photo()
    assert whole.shape == (3, 512, 512) and whole.dtype == torch.float32
    assert whole.min() >= 0 and whole.max() <= 1
    assert whole.std() > 0.1
    small = sample_photo(64)
    assert small.shape == (3, 64, 64)
    assert small.min() >= 0 and small.max() <= 1
    # resizing keeps each region's brightness: nothing moved or flipped
    regions = torch.nn.functional.adaptive_avg_pool2d
    torch.testing.assert_close(
        regions(small, 4), regions(whole, 4), atol=0.02, rtol=0
    )
    with pytest.raises(ValueError, match="at least 1, got 0"):
        sample_photo(0)
