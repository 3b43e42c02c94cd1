"""The losses are those of torch and segmentation_models_pytorch."""

import pytest
import torch
import torch.nn.functional as F

from segformer_tutorial.train.losses import (
    LOSSES,
    WEIGHTED,
    cross_entropy,
    cross_entropy_and_dice,
    dice_loss,
    focal_loss,
)
from segformer_tutorial.train.recipe import segmentation_loss

WEIGHTS = (0.5, 2.0, 0.0, 1.25)


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of four classes; the labels are void in places, and never 3."""
    logits = 2 * torch.randn(2, 4, 6, 5, dtype=torch.float64)
    labels = torch.randint(3, (2, 6, 5))
    labels[0, :2] = 255
    return logits, labels


def test_cross_entropy_is_that_of_torch(batch):
    logits, labels = batch
    expected = F.cross_entropy(logits, labels, ignore_index=255)
    torch.testing.assert_close(cross_entropy(logits, labels), expected)
    torch.testing.assert_close(segmentation_loss(logits, labels), expected)
    weight = torch.tensor(WEIGHTS, dtype=torch.float64)
    torch.testing.assert_close(
        cross_entropy(logits, labels, class_weights=WEIGHTS),
        F.cross_entropy(logits, labels, weight, ignore_index=255),
    )


def test_focal_loss_of_two_classes_is_that_of_smp():
    """A softmax over two logits is a sigmoid of their difference."""
    losses = pytest.importorskip("segmentation_models_pytorch.losses")
    logits = torch.randn(2, 2, 6, 5, dtype=torch.float64)
    labels = torch.randint(2, (2, 6, 5))
    labels[0, :2] = 255
    for gamma in (0.5, 2.0):
        theirs = losses.FocalLoss("binary", gamma=gamma, ignore_index=255)
        torch.testing.assert_close(
            focal_loss(logits, labels, gamma=gamma),
            theirs(logits[:, 1] - logits[:, 0], labels),
        )


def test_focal_loss_of_more_classes(batch):
    """Pixel by pixel: (1 - p)^2 times the cross-entropy, times the weight."""
    logits, labels = batch
    counted = labels != 255
    right = logits.log_softmax(1).movedim(1, -1)[counted]
    right = right.gather(1, labels[counted][:, None])[:, 0]
    values = -((1 - right.exp()) ** 2) * right
    torch.testing.assert_close(focal_loss(logits, labels), values.mean())
    weight = torch.tensor(WEIGHTS, dtype=torch.float64)[labels[counted]]
    torch.testing.assert_close(
        focal_loss(logits, labels, class_weights=WEIGHTS),
        (weight * values).sum() / weight.sum(),
    )
    torch.testing.assert_close(
        focal_loss(logits, labels, gamma=0), cross_entropy(logits, labels)
    )


def test_dice_loss_is_that_of_smp(batch):
    """Theirs divides by all four classes, ours by the three that occur."""
    losses = pytest.importorskip("segmentation_models_pytorch.losses")
    logits, labels = batch
    theirs = losses.DiceLoss("multiclass", ignore_index=255)(logits, labels)
    torch.testing.assert_close(dice_loss(logits, labels), theirs * 4 / 3)


def test_dice_loss_is_0_for_certain_and_right(batch):
    _, labels = batch
    certain = 100.0 * F.one_hot(labels * (labels != 255), 4).movedim(-1, 1)
    assert dice_loss(certain, labels).item() == pytest.approx(0, abs=1e-6)
    assert dice_loss(-certain, labels).item() == pytest.approx(1, abs=1e-6)


def test_sum_of_two(batch):
    logits, labels = batch
    torch.testing.assert_close(
        cross_entropy_and_dice(logits, labels),
        cross_entropy(logits, labels) + dice_loss(logits, labels),
    )


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        *((kind, {}) for kind in LOSSES),
        *((kind, {"class_weights": WEIGHTS}) for kind in WEIGHTED),
    ],
)
def test_any_loss(kind, options, batch):
    """Void does not matter, sizes are adapted, gradients are true."""

    def loss(logits):
        return LOSSES[kind](logits, labels, **options)

    logits, labels = batch
    moved = torch.where((labels == 255)[:, None], logits + 3, logits)
    torch.testing.assert_close(loss(moved), loss(logits))
    large = F.interpolate(logits[..., :3, :3], (6, 5), mode="bilinear")
    torch.testing.assert_close(loss(logits[..., :3, :3]), loss(large))
    small = logits[..., :3, :3].clone().requires_grad_()
    assert torch.autograd.gradcheck(loss, small)


@pytest.mark.parametrize(
    ("kind", "options", "only"),
    [
        *((kind, {}, 255) for kind in LOSSES),
        *((kind, {"class_weights": WEIGHTS}, 255) for kind in WEIGHTED),
        *((kind, {"class_weights": WEIGHTS}, 2) for kind in WEIGHTED),
    ],
)
def test_nothing_that_counts_costs_nothing(kind, options, only):
    """All void, or of a class with the weight 0: no nan, no gradient."""
    logits = torch.randn(1, 4, 6, 6, requires_grad=True)
    labels = torch.full((1, 6, 6), only)
    loss = LOSSES[kind](logits, labels, **options)
    loss.backward()
    assert loss == 0 and logits.grad.abs().max() == 0


@pytest.mark.parametrize("kind", LOSSES)
def test_certain_pixels_have_finite_gradients(kind):
    """Where a softmax gives exactly 0 and 1, right and wrong."""
    logits = torch.zeros(1, 3, 2, 2)
    logits[:, 0] = 1000
    logits.requires_grad_()
    labels = torch.tensor([[[0, 0], [1, 255]]])
    LOSSES[kind](logits, labels).backward()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("kind", LOSSES)
def test_it_can_be_learned_from(kind):
    """A few steps along the gradient label every pixel right."""
    labels = torch.randint(4, (1, 6, 6))
    logits = torch.zeros(1, 4, 6, 6, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.1)
    for _ in range(30):
        optimizer.zero_grad()
        LOSSES[kind](logits, labels).backward()
        optimizer.step()
    assert torch.equal(logits.argmax(1), labels)
