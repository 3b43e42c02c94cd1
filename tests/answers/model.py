"""Answers: the right ones, and mistakes with their words.

The names of transformers are spelled anew here.
"""

import re

import torch
import torch.nn.functional as F


def labels(*steps, **options):
    """Scores to labels by `steps` before the resizing, then argmax."""

    def answer(logits, height, width):
        for step in steps:
            logits = step(logits)
        options.setdefault("mode", "bilinear")
        return F.interpolate(logits, (height, width), **options).argmax(1)

    return answer


def argmax_first(mode, after=lambda x: x):
    def answer(logits, height, width):
        best = logits.max(dim=1).indices[:, None].float()
        fine = F.interpolate(best, (height, width), mode=mode)
        return after(fine.squeeze(1)).to(torch.int64)

    return answer


def full(logits, height, width):
    return F.interpolate(logits, (height, width), mode="bilinear")


def one_class_at_a_time(logits, height, width):
    return torch.stack(
        [full(x[:, None], height, width)[:, 0] for x in logits.unbind(1)]
    ).argmax(0)


def renamed(kv=lambda x: x.split(len(x) // 2), norms=r"^norm([12])"):
    """A block's tensors with regular expressions; kv is split by `kv`."""
    rules = [
        (norms, r"layer_norm_\1"),
        (r"^attn\.q\b", "attention.self.query"),
        (r"^attn\.proj", "attention.output.dense"),
        (r"^attn\.reduce", "attention.self.sr"),
        (r"^attn\.norm\b", "attention.self.layer_norm"),
        (r"^ffn\.fc(\d)", r"mlp.dense\1"),
        (r"^ffn\.dwconv", "mlp.dwconv.dwconv"),
    ]

    def answer(state):
        out = {}
        for name, x in state.items():
            for pattern, new in rules:
                name = re.sub(pattern, new, name)
            if ".kv." in name:
                end = name.rsplit(".", 1)[1]
                for part, y in zip(("key", "value"), kv(x), strict=True):
                    out[f"attention.self.{part}.{end}"] = y
            else:
                out[name] = x
        return out

    return answer


def columns(x):
    return x.chunk(2, dim=-1)


def without(pattern):
    def answer(state):
        new = renamed()(state)
        return {k: v for k, v in new.items() if not re.search(pattern, k)}

    return answer


def transposed(state):
    return {
        k: v.t() if "query.w" in k else v for k, v in renamed()(state).items()
    }


RIGHT = {
    "labels": one_class_at_a_time,
    "classes": lambda total, classes, new, dim: (
        total - (classes * dim + classes) + (new * dim + new)
    ),
    "names": renamed(),
}
WRONG = [
    ("labels", argmax_first("nearest"), "copies the nearest"),
    ("labels", argmax_first("bilinear"), "labels are averaged"),
    ("labels", argmax_first("bilinear", torch.round), "labels are averaged"),
    ("labels", labels(mode="nearest"), "mode='bilinear'"),
    ("labels", labels(align_corners=True), "align_corners=True puts"),
    ("labels", labels(lambda x: x.softmax(1)), "before the resizing"),
    ("labels", labels(lambda x: x.softmax(3)), "along the width"),
    ("labels", labels(lambda x: x.softmax(2)), "along the height"),
    ("labels", lambda x, h, w: full(x, h, w).softmax(3).argmax(1),
     "along the width"),
    ("labels", lambda x, h, w: full(-x, h, w).argmax(1), "lowest logit"),
    ("labels", full, "Now take the argmax"),
    ("labels", lambda x, h, w: full(x, w, h).argmax(1), "swapped"),
    ("labels", lambda x, h, w: full(x, h, w).argmax(1, keepdim=True),
     "still there"),
    ("labels", lambda x, h, w: full(x, h, w).argmax(-1),
     "yours have (2, 12, 64)"),
    ("labels", lambda x, h, w: full(x, h, w).argmax(1).float(),
     "Labels are integers"),
    ("labels", lambda x, h, w: x.argmax(1), "yours have (2, 16, 24)"),
    ("labels", lambda x, h, w: full(x, h, w).argmax(1) * 0, "differ"),
    ("labels", lambda x, h, w: 3, "but yours is 3"),
    ("classes", lambda n, a, b, d: n + (b - a) * d, "biases are missing"),
    ("classes", lambda n, a, b, d: n + b * d + b, "old classifier"),
    ("classes", lambda n, a, b, d: n - a * d - a, "new classifier"),
    ("classes", lambda n, a, b, d: n - (b - a) * (d + 1), "sign"),
    ("classes", lambda n, a, b, d: n + (b - a) * (4 * d + 1), "after `fuse`"),
    ("classes", lambda n, a, b, d: n + b - a, "only the biases"),
    ("classes", lambda n, a, b, d: n * b // a, "the whole model grow"),
    ("classes", lambda n, a, b, d: n, "Which layer knows the classes"),
    ("names", lambda state: state, "still one tensor"),
    ("names", renamed(lambda x: x.chunk(2)[::-1]), "values come first"),
    ("names", renamed(columns), "splits kv by columns"),
    ("names", renamed(lambda x: (x, x)), "all rows"),
    ("names", renamed(lambda x: (x[::2], x[1::2])), "every other row"),
    ("names", renamed(norms=r"norm(\d?)"), "not one of their names"),
    ("names", without("bias"), "has a bias too"),
    ("names", without("self.sr"), "attention.self.sr.bias is missing"),
    ("names", lambda s: {**renamed()(s), "norm3.weight": s["norm1.bias"]},
     "not one of their names"),
    ("names", transposed, "turned around"),
    ("names", lambda s: {k: v + 1 for k, v in renamed()(s).items()},
     "other values"),
    ("names", lambda s: list(s), "Return a dictionary"),
]  # fmt: skip
