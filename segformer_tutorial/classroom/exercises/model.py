"""Exercises on the whole model: a mirror, its classes, its names."""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from ...encoder import TransformerBlock
from .checking import Exercise, ask, by_cases


def some_images(height: int, width: int) -> Tensor:
    generator = torch.Generator().manual_seed(height)
    return torch.randn(2, 3, height, width, generator=generator)


def network(images: Tensor) -> Tensor:
    """Logits that depend on where a pixel is, and on nothing symmetric."""
    x = F.avg_pool2d(images, 4)
    return torch.cat([x.cumsum(3), x.cumsum(2)], dim=1)


def form_of_mirrored(said, wanted: Tensor) -> str | None:
    if isinstance(said, Tensor) and not said.is_floating_point():
        return "Return the averaged logits. The argmax comes after that."
    return None


mirrored = by_cases(
    cases=[(network, some_images(16, 24)), (network, some_images(32, 20))],
    true=lambda f, x: (f(x) + f(x.flip(3)).flip(3)) / 2,
    form=form_of_mirrored,
    mistakes={
        "The logits of the mirrored pictures are still mirrored. Turn them "
        "back before you average, or left is averaged with right.": (
            lambda f, x: (f(x) + f(x.flip(3))) / 2
        ),
        "Your function turns the pictures upside down: dimension 2 is the "
        "height. A mirror exchanges left and right.": (
            lambda f, x: (f(x) + f(x.flip(2)).flip(2)) / 2
        ),
        "Your function adds the two. The labels would be the same, but the "
        "logits are twice as large.": lambda f, x: f(x) + f(x.flip(3)).flip(3),
        "These are the logits of the mirrored pictures alone. Average them "
        "with the others.": lambda f, x: f(x.flip(3)).flip(3),
        "These are the logits of the pictures alone. The mirrored ones are "
        "missing.": lambda f, x: f(x),
    },
    otherwise="The averaged logits have other values. Mirror the pictures, "
    "call the model, mirror its logits, then average.",
)


def changed(per_class: Callable) -> Callable:
    """A rule: the classes are exchanged, each with so many parameters."""
    return lambda total, k, new, dim: total + (new - k) * per_class(dim)


classes = by_cases(
    cases=[
        (3_752_694, 150, 12, 256),
        (27_461_974, 150, 19, 768),
        (1_000, 2, 5, 20),
    ],
    true=changed(lambda dim: dim + 1),
    mistakes={
        "The biases are missing. Each class has one weight per channel and "
        "one bias.": changed(lambda dim: dim),
        "The old classifier is still there, but the new one takes its "
        "place.": lambda total, k, new, dim: total + new * (dim + 1),
        "The new classifier is missing.": lambda total, k, new, dim: (
            total - k * (dim + 1)
        ),
        "The sign is reversed: fewer classes mean fewer parameters.": (
            changed(lambda dim: -dim - 1)
        ),
        "Your classifier has 4 * dim input channels. It comes after `fuse`, "
        "which has brought them down to dim.": changed(lambda dim: 4 * dim + 1),
        "Your function counts only the biases. Each class has dim weights "
        "too.": changed(lambda dim: 1),
        "Your function lets the whole model grow with the classes, but only "
        "its last layer does.": lambda total, k, new, dim: total * new // k,
    },
    otherwise="{0:,} parameters with {1} classes and a width of {3} become "
    "{wanted:,} with {2} classes, but your function returned {said}. Which "
    "layer knows the classes?",
)

OURS = {  # our tensors in a block, and the names in a file of transformers
    "norm1": "layer_norm_1",
    "attn.q": "attention.self.query",
    "attn.reduce": "attention.self.sr",
    "attn.norm": "attention.self.layer_norm",
    "attn.proj": "attention.output.dense",
    "norm2": "layer_norm_2",
    "ffn.fc1": "mlp.dense1",
    "ffn.dwconv": "mlp.dwconv.dwconv",
    "ffn.fc2": "mlp.dense2",
}
KEY, VALUE = "attention.self.key", "attention.self.value"


@Exercise
def names(answer: Callable) -> str | None:
    """A block's tensors under the names of transformers' files."""
    block = TransformerBlock(
        6, num_heads=1, reduction_ratio=2, expansion_ratio=4, drop_path=0
    )
    state = {k: torch.rand(x.shape) for k, x in block.state_dict().items()}
    wanted = {}
    for name, x in state.items():
        ours, _, end = name.rpartition(".")
        if ours == "attn.kv":
            wanted[f"{KEY}.{end}"], wanted[f"{VALUE}.{end}"] = x.chunk(2)
        else:
            wanted[f"{OURS[ours]}.{end}"] = x
    said = ask(answer, state)
    if not isinstance(said, Mapping):
        return f"Return a dictionary; your function returned {said!r}."
    return wrong_names(set(said), set(wanted)) or wrong_tensors(
        said, wanted, state["attn.kv.weight"]
    )


def wrong_names(said: set[str], wanted: set[str]) -> str | None:
    if any(".kv." in name for name in said):
        return (
            "attn.kv is still one tensor. In these files keys and values are "
            "two."
        )
    missing, extra = sorted(wanted - said), sorted(said - wanted)
    if missing and all(name.endswith(".bias") for name in missing):
        return f"A layer has a bias too, but {missing[0]} is missing."
    words = [f"{name} is missing" for name in missing[:1]]
    words += [f"{name} is not one of their names" for name in extra[:1]]
    return f"The names differ: {', and '.join(words)}." if words else None


def wrong_tensors(said: Mapping, wanted: dict, kv: Tensor) -> str | None:
    def same(name: str, x: Tensor) -> bool:
        return isinstance(said[name], Tensor) and torch.equal(said[name], x)

    key_mistakes = {
        "Your values come first. The first rows of kv are the keys.": (
            kv.chunk(2)[1:]
        ),
        "Both names hold all rows of kv. The keys are the first half.": [kv],
        "Your function splits kv by columns. Columns are what goes in; what "
        "comes out, keys and values, are rows.": kv.chunk(2, dim=1),
        "Your function takes every other row. The keys are the first half of "
        "the rows, in one piece.": [kv[0::2], kv[1::2]],
    }
    for words, mistakes in key_mistakes.items():
        if any(same(f"{KEY}.weight", x) for x in mistakes):
            return words
    for name, x in wanted.items():
        if same(name, x):
            continue
        if same(name, x.mT if x.ndim == 2 else x.flip(0)):
            return f"{name} is turned around. Copy the tensor as it is."
        return f"{name} has other values than ours."
    return None
