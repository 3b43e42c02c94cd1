"""The samples of a run: its two splits, their classes, its batches."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import Tensor
from torch.utils.data import DataLoader

from ..data import (
    LabelledImages,
    Task,
    class_counts,
    data_folder,
    presence_report,
    read,
)
from ..data.batches import Augmented, StepSampler
from ..data.transforms import train_transform
from .settings import TrainConfig, TrainError, augmentations
from .signals import ignore_signals
from .state import RunState


def read_splits(config: TrainConfig) -> tuple[LabelledImages, LabelledImages]:
    """Open the training and the validation split.

    Raises DataError, and TrainError where their classes differ.
    """
    root = config.data or data_folder() / "scenes"
    train_set, val_set = (
        read(
            config.dataset,
            root,
            split,
            labels=config.labels,
            channels=config.channels,
        )
        for split in (config.train_split, config.val_split)
    )
    names = config.train_split, config.val_split
    differs = difference(train_set.classes, val_set.classes, names)
    if differs:
        raise TrainError(
            f"the two splits must have the same classes: {differs}"
        )
    return train_set, val_set


def difference(
    first: Sequence[str], second: Sequence[str], names: tuple[str, str]
) -> str:
    """How the classes of two named things differ; empty if they do not."""
    if len(first) != len(second):
        return (
            f"{names[0]} has {len(first)} classes, {names[1]} has {len(second)}"
        )
    for label, (one, other) in enumerate(zip(first, second, strict=True)):
        if one != other:
            return (
                f"class {label} is {one!r} in {names[0]} and {other!r} in "
                f"{names[1]}"
            )
    return ""


def task_of_run(config: TrainConfig, train_set: LabelledImages) -> Task:
    """What the model of a run is trained for."""
    return train_set.task(
        short_side=config.short_side, mean=config.mean, std=config.std
    )


def check_classes(
    config: TrainConfig, train_set: LabelledImages, val_set: LabelledImages
) -> None:
    """Say on stderr which classes a split does not have.

    A class without a pixel in training cannot be learned, and without one in
    validation not be judged. Raises TrainError where all pixels are void.
    """
    counts = {
        config.train_split: class_counts(train_set),
        config.val_split: class_counts(val_set),
    }
    for split, found in counts.items():
        if not any(found.pixels) and found.files == found.total:
            raise TrainError(found.report(split))
    for line in presence_report(counts).splitlines():
        print(f"warning: {line}", file=sys.stderr)


def training_batches(
    config: TrainConfig,
    dataset: LabelledImages,
    state: RunState,
    *,
    rank: int,
    world: int,
    pinned: bool,
) -> Iterator[tuple[Tensor, Tensor]]:
    """The augmented batches of one process, from where the run stands.

    Images, `b c h w`, and labels, `b h w`; in pinned memory, from which a GPU
    can read beside other work, if `pinned`.
    """
    transform = train_transform(
        config.crop_size,
        short_side=config.short_side,
        augment=augmentations(config.augment),
        mean=config.mean,
        std=config.std,
    )
    sampler = StepSampler(
        len(dataset),
        batch_size=config.batch_size,
        batches=(config.steps - state.step) * config.accumulation,
        first=state.seen,
        rank=rank,
        world=world,
        seed=config.seed,
    )
    loader = DataLoader(
        Augmented(dataset, transform, seed=config.seed),
        batch_sampler=sampler,
        num_workers=config.workers,
        worker_init_fn=ignore_signals,
        pin_memory=pinned,
    )
    return iter(loader)


@contextmanager
def workers_of(batches: Iterator) -> Iterator[None]:
    """Stop the workers behind these batches at the end.

    torch stops them when nobody refers to the batches any more, but after an
    error its traceback still does.
    """
    try:
        yield
    finally:
        if hasattr(batches, "_shutdown_workers"):  # there are some
            batches._shutdown_workers()
