"""The tasks of the published weights, whose files do not name their classes."""

import re
from dataclasses import replace

from .known import ADE20K_PALETTE
from .task import Task

SIZE = re.compile(r"(?<!\d)(\d{3,4})[x-](\d{3,4})(?!\d)")


def published_task(
    name: str, num_classes: int, *, hub: bool = False
) -> Task | None:
    """The task of weights for ADE20K or Cityscapes, or None for others.

    150 classes are taken for those of ADE20K, 19 for those of Cityscapes.
    name: of the file, or `owner/name` on a hub, which has to name the data
    set as well, because others have as many classes. The size in it, as in
    `segformer-b5-finetuned-ade-640-640`, gives the shorter side; without one
    it is that of most official configs, 512 and 1024.
    """
    for known, classes, palette, short_side in (
        ("ade", ADE20K_CLASSES, ADE20K_PALETTE, 512),
        ("city", CITYSCAPES_CLASSES, CITYSCAPES_PALETTE, 1024),
    ):
        if num_classes == len(classes) and (known in name.lower() or not hub):
            size = SIZE.search(name)
            return Task(
                classes=classes,
                palette=palette,
                short_side=min(map(int, size.groups())) if size else short_side,
            )
    return None


def with_palette(task: Task, name: str) -> Task:
    """The task with the colours of ADE20K or Cityscapes, if it has none.

    transformers stores no colours. `name` has to name the data set, as on a
    hub in `published_task`.
    """
    known = published_task(name, len(task.classes), hub=True)
    if task.palette is not None or known is None:
        return task
    return replace(task, palette=known.palette)


# As read_ade20k names them: the first name of each line of the challenge's
# objectInfo150.txt.
_NAMES = """
wall, building, sky, floor, tree, ceiling, road, bed, windowpane, grass,
cabinet, sidewalk, person, earth, door, table, mountain, plant, curtain,
chair, car, water, painting, sofa, shelf, house, sea, mirror, rug, field,
armchair, seat, fence, desk, rock, wardrobe, lamp, bathtub, railing,
cushion, base, box, column, signboard, chest of drawers, counter, sand,
sink, skyscraper, fireplace, refrigerator, grandstand, path, stairs,
runway, case, pool table, pillow, screen door, stairway, river, bridge,
bookcase, blind, coffee table, toilet, flower, book, hill, bench,
countertop, stove, palm, kitchen island, computer, swivel chair, boat,
bar, arcade machine, hovel, bus, towel, light, truck, tower, chandelier,
awning, streetlight, booth, television, airplane, dirt track, apparel,
pole, land, bannister, escalator, ottoman, bottle, buffet, poster, stage,
van, ship, fountain, conveyer belt, canopy, washer, plaything,
swimming pool, stool, barrel, basket, waterfall, tent, bag, minibike,
cradle, oven, ball, food, step, tank, trade name, microwave, pot, animal,
bicycle, lake, dishwasher, screen, blanket, sculpture, hood, sconce, vase,
traffic light, tray, ashcan, fan, pier, crt screen, plate, monitor,
bulletin board, shower, radiator, glass, clock, flag
"""
ADE20K_CLASSES = tuple(map(str.strip, _NAMES.split(",")))
# As read_cityscapes has them, from torchvision.
CITYSCAPES_CLASSES = (
    "road",
    "sidewalk",
    "building",
    "wall",
    "fence",
    "pole",
    "traffic light",
    "traffic sign",
    "vegetation",
    "terrain",
    "sky",
    "person",
    "rider",
    "car",
    "truck",
    "bus",
    "train",
    "motorcycle",
    "bicycle",
)
_LEVELS = bytes.fromhex(
    """
    804080 f423e8 464646 66669c be9999 999999 faaa1e dcdc00 6b8e23 98fb98
    4682b4 dc143c ff0000 00008e 000046 003c64 005064 0000e6 770b20
    """
)
CITYSCAPES_PALETTE = tuple(
    zip(_LEVELS[::3], _LEVELS[1::3], _LEVELS[2::3], strict=True)
)
