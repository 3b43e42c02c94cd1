"""What is random in training, as a function of a seed: order and augmentation.

Which samples a step takes and how they are augmented depends on the seed and
on the step alone, so a run can be resumed without any random state.
"""

import hashlib
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler
from torchvision import tv_tensors


class StepSampler(Sampler):
    """The next batches of a run, for one of several processes.

    The samples form one endless sequence, epoch after epoch; the order within
    an epoch follows from the seed and the epoch's number. From sample `first`
    of this sequence on, the `world` processes take `batch_size` samples each
    in turn. A batch is a list of (epoch, index); there are `batches` of them.
    """

    def __init__(
        self,
        length: int,
        *,
        batch_size: int,
        batches: int,
        first: int = 0,
        rank: int = 0,
        world: int = 1,
        seed: int,
    ):
        self.length = length
        self.batch_size = batch_size
        self.batches = batches
        self.first = first
        self.rank = rank
        self.world = world
        self.seed = seed

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        shuffled = {}
        for n in range(self.batches):
            turn = n * self.world + self.rank
            begin = self.first + turn * self.batch_size
            batch = []
            for position in range(begin, begin + self.batch_size):
                epoch, place = divmod(position, self.length)
                if epoch not in shuffled:
                    generator = torch.Generator()
                    generator.manual_seed(seed_of("shuffle", self.seed, epoch))
                    order = torch.randperm(self.length, generator=generator)
                    shuffled = {epoch: order.tolist()}
                batch.append((epoch, shuffled[epoch][place]))
            yield batch


class Augmented(Dataset):
    """`data[epoch, index]`: a sample as a random transform makes it.

    What is random depends on the seed, the epoch and the index alone: it does
    not matter which process reads the sample, or what was read before.
    """

    def __init__(self, dataset: Dataset, transform: Callable, *, seed: int):
        self.dataset = dataset
        self.transform = transform
        self.seed = seed

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, Tensor]:
        epoch, index = key
        image, labels = self.dataset[index]
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(
                seed_of("augment", self.seed, epoch, index)
            )
            return self.transform(
                tv_tensors.Image(image), tv_tensors.Mask(labels.byte())
            )


def seed_of(*parts: str | int) -> int:
    """Derive a seed of 63 bits from words and numbers, the same each time."""
    text = " ".join(map(str, parts)).encode()
    digest = hashlib.blake2b(text, digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
