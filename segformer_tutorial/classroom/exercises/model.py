"""Checkers on the whole model."""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from .checking import ask, judge


def labels_from_scores(answer: Callable) -> str | None:
    """B k h w scores to labels of a given size."""
    generator = torch.Generator().manual_seed(0)
    cases = [
        (torch.randn(2, 12, h, w, generator=generator), *size)
        for h, w, size in ((16, 24, (64, 96)), (19, 27, (75, 107)))
    ]

    def bilinear(x: Tensor, size, align_corners=False) -> Tensor:
        return F.interpolate(
            x, size=size, mode="bilinear", align_corners=align_corners
        )

    def coarse(x: Tensor) -> Tensor:
        return x.argmax(dim=1, keepdim=True).float()

    def nearest(x: Tensor, size) -> Tensor:
        return F.interpolate(x, size=size)

    mistakes = [
        (
            lambda x, size: nearest(coarse(x), size)[:, 0].long(),
            "the nearest place is copied, which is the default of "
            "F.interpolate: borders in steps of 4 pixels, whether the argmax "
            "comes before or after. Resize the scores with mode='bilinear'.",
        ),
        (
            lambda x, size: bilinear(coarse(x), size)[:, 0].long(),
            "the argmax comes first, and its labels are averaged. Half-way "
            "between class 3 and class 7 is not class 5.",
        ),
        (
            lambda x, size: bilinear(coarse(x), size)[:, 0].round().long(),
            "the argmax comes first, and its labels are averaged. Half-way "
            "between class 3 and class 7 is not class 5.",
        ),
        (
            lambda x, size: bilinear(x, size, True).argmax(dim=1),
            "align_corners=True stretches the map: its corner places lie on "
            "the corner pixels, and between them nothing is where the "
            "decoder put it.",
        ),
        (
            lambda x, size: bilinear(x.softmax(dim=1), size).argmax(dim=1),
            "the softmax comes before the resizing, so that probabilities "
            "are averaged and not the model's scores. Most labels are the "
            "same, not all. For labels no softmax is needed.",
        ),
        (
            lambda x, size: bilinear(x.softmax(dim=-1), size).argmax(dim=1),
            "the softmax runs along the width. Classes are dimension 1, and "
            "for labels no softmax is needed.",
        ),
        (
            lambda x, size: bilinear(x.softmax(dim=2), size).argmax(dim=1),
            "the softmax runs along the height. Classes are dimension 1, and "
            "for labels no softmax is needed.",
        ),
        (
            lambda x, size: bilinear(x, size).softmax(dim=-1).argmax(dim=1),
            "the softmax runs along the width. Classes are dimension 1, and "
            "for labels no softmax is needed.",
        ),
        (
            lambda x, size: bilinear(x, size).argmin(dim=1),
            "that is the class with the lowest score.",
        ),
    ]
    for logits, height, width in cases:
        labels = ask(answer, logits.clone(), height, width)
        if not isinstance(labels, Tensor):
            return f"not yet: expected a tensor, got {type(labels).__name__}."
        shape, wanted = tuple(labels.shape), (2, height, width)
        if shape == (2, 12, height, width):
            return "these are the scores at full size: now take the argmax."
        if shape == (2, width, height):
            return "height and width are swapped."
        if shape == (2, 1, height, width):
            return (
                "the dimension of the classes is still there, with one entry: "
                f"expected {wanted}, got {shape}."
            )
        if shape != wanted:
            return (
                f"not yet: expected labels of shape {wanted}, got {shape}. "
                "The classes are dimension 1."
            )
        if labels.is_floating_point():
            return f"not yet: labels are integers, got {labels.dtype}."
        true = bilinear(logits, (height, width)).argmax(dim=1)
        if torch.equal(labels.long(), true):
            continue
        for rule, mistake in mistakes:
            if torch.equal(labels.long(), rule(logits, (height, width))):
                return mistake
        differ = (labels != true).float().mean().item()
        return f"not yet: {differ:.0%} of the labels differ."
    return None


def parameters_with(answer: Callable) -> str | None:
    """The parameters of a model with other classes."""

    def true(total, classes, new, dim):
        return total + (new - classes) * (dim + 1)

    mistakes = [
        (
            lambda total, classes, new, dim: total + (new - classes) * dim,
            "the biases are missing: each class has one weight per channel "
            "and one bias.",
        ),
        (
            lambda total, classes, new, dim: total + new * (dim + 1),
            "the old classifier is still there: the new one takes its place.",
        ),
        (
            lambda total, classes, new, dim: total - classes * (dim + 1),
            "the new classifier is missing.",
        ),
        (
            lambda total, classes, new, dim: (
                total + (classes - new) * (dim + 1)
            ),
            "the sign is turned round: fewer classes, fewer parameters.",
        ),
        (
            lambda total, classes, new, dim: (
                total + (new - classes) * (4 * dim + 1)
            ),
            "the classifier comes after `fuse`, which has brought 4 * dim "
            "channels down to dim.",
        ),
        (
            lambda total, classes, new, dim: total + (new - classes),
            "only the biases are counted: each class has dim weights too.",
        ),
        (
            lambda total, classes, new, dim: total * new // classes,
            "only the last layer grows with the classes, not the whole model.",
        ),
    ]
    cases = [
        (3_752_694, 150, 12, 256),
        (27_461_974, 150, 19, 768),
        (1_000, 2, 5, 20),
    ]
    got = [ask(answer, *case) for case in cases]

    def otherwise(case, said) -> str:
        return (
            f"not yet: {case[0]:,} parameters with {case[1]} classes and a "
            f"width of {case[3]} are {true(*case):,} with {case[2]} classes, "
            f"your function says {said}. Which layer knows the classes?"
        )

    return judge(got, cases, true, mistakes, otherwise)


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


def block_as_transformers(answer: Callable) -> str | None:
    """A block's tensors under the names of transformers' files."""
    generator = torch.Generator().manual_seed(0)
    c, hidden = 6, 24
    shapes = {
        "norm1": (c,),
        "attn.q": (c, c),
        "attn.reduce": (c, c, 2, 2),
        "attn.norm": (c,),
        "attn.kv": (2 * c, c),
        "attn.proj": (c, c),
        "norm2": (c,),
        "ffn.fc1": (hidden, c),
        "ffn.dwconv": (hidden, 1, 3, 3),
        "ffn.fc2": (c, hidden),
    }
    state = {}
    for name, shape in shapes.items():
        state[f"{name}.weight"] = torch.randn(shape, generator=generator)
        state[f"{name}.bias"] = torch.randn(shape[0], generator=generator)

    wanted = {}
    for end in ("weight", "bias"):
        for ours, theirs in OURS.items():
            wanted[f"{theirs}.{end}"] = state[f"{ours}.{end}"]
        wanted[f"{KEY}.{end}"] = state[f"attn.kv.{end}"][:c]
        wanted[f"{VALUE}.{end}"] = state[f"attn.kv.{end}"][c:]

    got = ask(answer, {name: x.clone() for name, x in state.items()})
    if not isinstance(got, Mapping):
        return f"not yet: expected a dictionary, got {type(got).__name__}."
    if any(".kv." in name for name in got):
        return (
            "attn.kv is still one tensor. In these files keys and values are "
            "two."
        )
    missing = sorted(wanted.keys() - got.keys())
    extra = sorted(got.keys() - wanted.keys())
    if missing and all(name.endswith(".bias") for name in missing):
        return f"a layer has a bias too: {missing[0]} is missing."
    if missing or extra:
        words = []
        if missing:
            words.append(f"{missing[0]} is missing")
        if extra:
            words.append(f"{extra[0]} is not one of their names")
        return f"not yet: {', and '.join(words)}."

    def same(name: str, x: Tensor) -> bool:
        return isinstance(got[name], Tensor) and torch.equal(got[name], x)

    key = f"{KEY}.weight"
    kv = state["attn.kv.weight"]
    if same(key, kv[c:]):
        return "the values come first in yours. The first rows of kv are keys."
    if same(key, kv):
        return "both names hold all rows of kv. Keys are the first half."
    columns = [kv[:, : c // 2], kv[:, c // 2 :]]
    if any(same(key, x) for x in columns):
        return (
            "kv is split in columns. Columns are what goes in; what comes "
            "out, keys and values, are rows."
        )
    if same(key, kv[0::2]) or same(key, kv[1::2]):
        return (
            "every other row is taken. The keys are the first half of the "
            "rows, in one piece."
        )
    for name, x in wanted.items():
        if isinstance(got[name], Tensor) and same(
            name, x.mT if x.ndim == 2 else x.flip(0)
        ):
            return f"{name} is turned round: copy it as it is."
        if not same(name, x):
            return f"not yet: {name} has other values."
    return None


CHECKERS: dict[str, Callable] = {
    "model.labels": labels_from_scores,
    "model.classes": parameters_with,
    "model.names": block_as_transformers,
}
