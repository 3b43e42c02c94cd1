"""The classes of the published weights are those of their data sets."""

import pytest

pytest.importorskip("torchvision")
from torchvision.datasets import Cityscapes

from segformer_tutorial.data import published
from segformer_tutorial.data.published import published_task


def test_cityscapes_is_torchvision_s():
    entries = {
        x.train_id: x for x in Cityscapes.classes if not x.ignore_in_eval
    }
    names, colours = zip(
        *((entries[k].name, entries[k].color) for k in range(19)), strict=True
    )
    assert names == published.CITYSCAPES_CLASSES
    assert colours == published.CITYSCAPES_PALETTE


def test_ade20k():
    names = published.ADE20K_CLASSES
    assert len(set(names)) == len(names) == 150
    # Some, counted from 1 as in the challenge's table.
    for number, name in {
        1: "wall",
        9: "windowpane",
        45: "chest of drawers",
        57: "pool table",
        100: "buffet",
        131: "screen",
        142: "crt screen",
        150: "flag",
    }.items():
        assert names[number - 1] == name


@pytest.mark.parametrize(
    ("name", "classes", "first", "short_side"),
    [
        ("nvidia/segformer-b0-finetuned-ade-512-512", 150, "wall", 512),
        ("nvidia/segformer-b5-finetuned-ade-640-640", 150, "wall", 640),
        ("nvidia/segformer-b0-finetuned-cityscapes-512-1024", 19, "road", 512),
        (
            "nvidia/segformer-b1-finetuned-cityscapes-1024-1024",
            19,
            "road",
            1024,
        ),
        ("owner/my-ade-model", 150, "wall", 512),
    ],
)
def test_name_on_a_hub(name, classes, first, short_side):
    task = published_task(name, classes, hub=True)
    assert task.classes[0] == first and len(task.palette) == classes
    assert task.short_side == short_side


@pytest.mark.parametrize(
    ("name", "classes"),
    [
        ("someone/face-parsing", 19),
        ("someone/rooms", 150),
        ("nvidia/segformer-b0-finetuned-ade-512-512", 18),
    ],
)
def test_other_data_sets_on_a_hub(name, classes):
    assert published_task(name, classes, hub=True) is None


@pytest.mark.parametrize(
    ("name", "classes", "short_side"),
    [
        ("segformer.b0.512x512.ade.160k.pth", 150, 512),
        ("segformer.b5.640x640.ade.160k.pth", 150, 640),
        ("segformer.b0.1024x1024.city.160k.pth", 19, 1024),
        ("iter_160000.pth", 150, 512),
        ("iter_160000.pth", 19, 1024),
    ],
)
def test_files(name, classes, short_side):
    task = published_task(name, classes)
    assert len(task.classes) == classes and task.short_side == short_side
    assert published_task(name, classes + 1) is None
