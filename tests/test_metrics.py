"""The mIoU by hand, its properties, and that of others."""

import math
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from segformer_tutorial.evaluate.metrics import ConfusionMatrix, all_reduce


def counted(predicted, true, num_classes=4) -> ConfusionMatrix:
    matrix = ConfusionMatrix(num_classes)
    matrix.update(torch.as_tensor(predicted), torch.as_tensor(true))
    return matrix


def random_maps(num_classes=4, size=(3, 9, 11)):
    true = torch.randint(num_classes, size)
    predicted = torch.where(
        torch.rand(size) < 0.6, true, torch.randint(num_classes, size)
    )
    true[torch.rand(size) < 0.1] = 255
    return predicted, true


def measures(matrix: ConfusionMatrix) -> torch.Tensor:
    means = matrix.mean_iou, matrix.mean_accuracy, matrix.pixel_accuracy
    return torch.cat([matrix.iou, matrix.accuracy, torch.tensor(means)])


def test_by_hand():
    matrix = counted([[0, 0, 1], [1, 1, 2]], [[0, 1, 1], [1, 255, 0]])
    assert matrix.counts.dtype == torch.int64
    assert matrix.counts.tolist() == [
        [1, 0, 1, 0],
        [1, 2, 0, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
    ]
    # Class 2 is predicted only, class 3 is nowhere.
    assert matrix.iou.tolist()[:3] == [1 / 3, 2 / 3, 0]
    assert matrix.iou[3].isnan()
    assert matrix.mean_iou == pytest.approx(1 / 3)
    assert matrix.accuracy.tolist()[:2] == [1 / 2, 2 / 3]
    assert matrix.accuracy[2:].isnan().all()
    assert matrix.mean_accuracy == pytest.approx(7 / 12)
    assert matrix.pixel_accuracy == pytest.approx(3 / 5)


def test_the_whole_set_is_counted_before_anything_is_divided():
    """The mean of the pictures' own IoU would be 1/2."""
    large, small = counted([0] * 9, [0] * 9, 2), counted([1], [0], 2)
    assert large.iou[0] == 1 and small.iou[0] == 0
    large.update(torch.tensor([1]), torch.tensor([0]))
    assert large.iou[0] == pytest.approx(0.9)


def test_perfect_is_one():
    _, true = random_maps()
    matrix = counted(true.where(true != 255, 0), true)
    expected = torch.ones(11, dtype=torch.float64)
    torch.testing.assert_close(measures(matrix).double(), expected)


def test_the_order_of_pixels_does_not_matter():
    predicted, true = random_maps()
    order = torch.randperm(true.numel())
    shuffled = counted(predicted.flatten()[order], true.flatten()[order])
    assert shuffled.counts.equal(counted(predicted, true).counts)


def test_parts_add_up_to_the_whole():
    predicted, true = random_maps()
    whole, updated = counted(predicted, true), ConfusionMatrix(4)
    for p, t in zip(predicted, true, strict=True):
        updated.update(p, t)
    assert updated.counts.equal(whole.counts)


def test_names_of_classes_do_not_matter():
    predicted, true = random_maps()
    names = torch.arange(256)
    names[:4] = torch.tensor([2, 0, 3, 1])
    renamed = counted(names[predicted], names[true])
    torch.testing.assert_close(
        renamed.iou[names[:4]], counted(predicted, true).iou
    )


def test_void_never_matters():
    predicted, true = random_maps()
    expected = counted(predicted, true).counts
    predicted[true == 255] = torch.randint(256, ((true == 255).sum(),))
    assert counted(predicted, true).counts.equal(expected)


@pytest.mark.parametrize("void", [-1, -100, 4])
def test_another_label_may_be_void(void):
    predicted, true = random_maps()
    matrix = ConfusionMatrix(4, ignore_index=void)
    matrix.update(predicted, true.where(true != 255, void))
    assert matrix.counts.equal(counted(predicted, true).counts)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64])
def test_integers_of_any_width(dtype):
    """20 x 20 pairs would not fit into a byte."""
    predicted, true = random_maps(20)
    matrix = counted(predicted.to(dtype), true.to(dtype), 20)
    assert matrix.counts.equal(counted(predicted, true, 20).counts)


def test_nothing_counted_is_nan():
    matrix = counted([0, 1], [255, 255])
    assert matrix.counts.sum() == 0
    assert math.isnan(matrix.mean_iou) and math.isnan(matrix.pixel_accuracy)


@pytest.mark.parametrize(
    ("predicted", "true", "message"),
    [
        ([0, 4], [0, 0], r"predicted labels must be 0\.\.3, got 4"),
        ([0, 255], [0, 0], r"predicted labels must be 0\.\.3, got 255"),
        ([0, 0], [0, 4], r"true labels must be 0\.\.3 or 255 \(void\), got 4"),
        ([0, 0], [0, -1], r"true labels must be .*, got -1"),
        ([0.0, 1.0], [0, 0], r"predicted labels must be integers, got .*float"),
        (
            [0, 0],
            [True, False],
            r"true labels must be integers, got torch.bool",
        ),
        ([0, 0], [[0, 0]], r"one shape, got \(2,\) and \(1, 2\)"),
    ],
)
def test_wrong_labels_are_named(predicted, true, message):
    matrix = ConfusionMatrix(4)
    with pytest.raises(ValueError, match=message):
        matrix.update(torch.tensor(predicted), torch.tensor(true))
    assert matrix.counts.sum() == 0


def test_wrong_arguments():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        ConfusionMatrix(0)
    with pytest.raises(ValueError, match=r"classes 0\.\.18, got 0"):
        ConfusionMatrix(19, ignore_index=0)


def test_one_process_has_nothing_to_add():
    matrix = counted([0, 1], [0, 0])
    before = matrix.counts.clone()
    all_reduce(matrix)
    assert matrix.counts.equal(before)


def count_a_share(rank: int, folder: Path) -> None:
    meeting = (folder / "meeting").as_uri()
    dist.init_process_group(
        "gloo", init_method=meeting, rank=rank, world_size=2
    )
    predicted, true = torch.load(folder / "maps.pt")
    matrix = counted(predicted[rank::2], true[rank::2])
    all_reduce(matrix)
    torch.save(matrix.counts, folder / f"{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.skipif(
    not (dist.is_available() and dist.is_gloo_available()),
    reason="needs gloo",
)
def test_two_processes_count_as_one(tmp_path):
    """One has two pictures, the other has one."""
    predicted, true = random_maps()
    torch.save((predicted, true), tmp_path / "maps.pt")
    mp.spawn(count_a_share, (tmp_path,), nprocs=2)
    for rank in range(2):
        counts = torch.load(tmp_path / f"{rank}.pt")
        assert counts.equal(counted(predicted, true).counts)


def mmsegmentation(predicted, true, num_classes):
    """IoUMetric of mmsegmentation 1.2: intersect_and_union, then the means.

    github.com/open-mmlab/mmsegmentation, mmseg/evaluation/metrics
    """
    mask = true != 255
    predicted, true = predicted[mask], true[mask]
    intersect = predicted[predicted == true]
    intersect, predicted, true = (
        torch.histc(x.float(), bins=num_classes, min=0, max=num_classes - 1)
        for x in (intersect, predicted, true)
    )
    iou = intersect / (predicted + true - intersect)
    accuracy = intersect / true
    means = iou.nanmean(), accuracy.nanmean(), intersect.sum() / true.sum()
    return torch.cat([iou, accuracy, torch.stack(means)]).double()


@pytest.mark.parametrize("seen", [3, 5, 6])
def test_equals_mmsegmentation_s_formula(seen):
    """Some classes are nowhere, and class `seen` is predicted only."""
    predicted, true = random_maps(seen)
    predicted[0, 0, 0], true[0, 0, 0] = min(seen, 5), 0
    torch.testing.assert_close(
        measures(counted(predicted, true, 6)).double(),
        mmsegmentation(predicted, true, 6),
        atol=1e-6,
        rtol=0,
        equal_nan=True,
    )


def test_equals_torchmetrics():
    """It gives 0 to a class that is nowhere, and averages without it."""
    classification = pytest.importorskip("torchmetrics.classification")
    settings = {"num_classes": 4, "ignore_index": 255}
    for absent in (False, True):
        predicted, true = random_maps(3 if absent else 4)
        ours = counted(predicted, true)
        for average, value in (
            ("macro", ours.mean_iou),
            ("none", ours.iou.nan_to_num()),
        ):
            metric = classification.MulticlassJaccardIndex(
                average=average, **settings
            )
            theirs = metric(predicted, true).double()
            torch.testing.assert_close(
                theirs, torch.as_tensor(value).double(), atol=1e-6, rtol=0
            )
        accuracy = classification.MulticlassAccuracy(
            average="micro", **settings
        )
        assert accuracy(predicted, true) == pytest.approx(ours.pixel_accuracy)


class Elsewhere(torch.Tensor):
    """Labels as on a GPU: they do nothing but come to the CPU."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        with torch._C.DisableTorchFunctionSubclass():
            if func is torch.Tensor.cpu:
                return args[0].as_subclass(torch.Tensor)
            names = ("is_floating_point", "__get__")  # __get__: attributes
            assert func.__name__ in names, func
            return func(*args, **(kwargs or {}))


def test_counting_is_done_on_the_cpu():
    """MPS has no float64, and CUDA's bincount is not deterministic."""
    predicted, true = random_maps()
    matrix = ConfusionMatrix(4)
    maps = (x.as_subclass(Elsewhere) for x in (predicted, true))
    matrix.update(*maps)
    assert matrix.counts.equal(counted(predicted, true).counts)
    assert type(matrix.counts) is torch.Tensor


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_labels_on_a_gpu():
    predicted, true = random_maps()
    matrix = ConfusionMatrix(4)
    matrix.update(predicted.cuda(), true.cuda())
    assert matrix.counts.device.type == "cpu"
    assert matrix.counts.equal(counted(predicted, true).counts)


def test_counts_that_were_read_do_not_change():
    matrix = counted([0], [0])
    before = matrix.counts
    matrix.update(torch.tensor([1]), torch.tensor([1]))
    assert before.sum() == 1 and matrix.counts.sum() == 2


def test_means_are_over_the_classes_that_have_a_value():
    """Class 2 is predicted only, so it has an IoU and no accuracy."""
    matrix = counted([0, 1, 2], [0, 1, 1])
    assert matrix.iou.isnan().tolist() == [False, False, False, True]
    assert matrix.accuracy.isnan().tolist() == [False, False, True, True]
    assert matrix.mean_iou == pytest.approx((1 + 1 / 2 + 0) / 3)
    assert matrix.mean_accuracy == pytest.approx((1 + 1 / 2) / 2)
    nothing = counted([0], [255])
    assert math.isnan(nothing.mean_accuracy)
