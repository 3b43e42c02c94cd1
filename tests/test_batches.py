"""Which samples a step takes, and how they look, follows from the seed."""

import pytest
import torch

pytest.importorskip("torchvision")
from segformer_tutorial.data.batches import Augmented, StepSampler, seed_of
from segformer_tutorial.data.transforms import train_transform


def test_sampler_takes_every_sample_once_an_epoch():
    sampler = StepSampler(7, batch_size=3, batches=14, seed=0)
    batches = list(sampler)
    assert len(batches) == len(sampler) == 14
    keys = [key for batch in batches for key in batch]
    for epoch in range(6):
        order = [index for e, index in keys if e == epoch]
        assert sorted(order) == list(range(7))
        assert order != list(range(7))
    rest = StepSampler(7, batch_size=3, batches=9, first=15, seed=0)
    assert list(rest) == batches[5:]
    shares = [
        list(StepSampler(7, batch_size=1, batches=14, rank=r, world=3, seed=0))
        for r in range(3)
    ]
    together = zip(*shares, strict=True)
    assert [[key for (key,) in parts] for parts in together] == batches


class Noise(torch.utils.data.Dataset):
    """One picture again and again, with four classes in blocks."""

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(0)
        image = torch.randint(256, (3, 90, 120), generator=generator)
        labels = torch.arange(120).expand(90, 120) // 30
        return image.byte(), labels


def test_a_sample_depends_on_seed_epoch_and_index_alone():
    data = Augmented(Noise(), train_transform(64), seed=1)
    first = data[0, 5]
    torch.rand(7)
    for again in (
        data[0, 5],
        Augmented(Noise(), data.transform, seed=1)[0, 5],
    ):
        assert all(map(torch.equal, first, again))
    others = (
        data[1, 5],
        data[0, 6],
        Augmented(Noise(), data.transform, seed=2)[0, 5],
    )
    for other in others:
        assert not torch.equal(first[0], other[0])


def test_a_sample_leaves_the_random_state_alone():
    data = Augmented(Noise(), train_transform(64), seed=1)
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
