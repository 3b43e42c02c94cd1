"""Answers: the right ones, and mistakes with their words.

The names of transformers are spelled anew here.
"""

import re

import torch


def mirrored(there=-1, back=-1, weight=0.5):
    """The mean of both, with the dimensions that are turned."""

    def answer(model, images):
        turned = model(torch.flip(images, [there]))
        if back is not None:
            turned = torch.flip(turned, [back])
        return weight * (model(images) + turned)

    return answer


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
    "mirrored": mirrored(),
    "classes": lambda total, classes, new, dim: (
        total - (classes * dim + classes) + (new * dim + new)
    ),
    "names": renamed(),
}
WRONG = [
    ("mirrored", mirrored(back=None), "still mirrored"),
    ("mirrored", mirrored(there=-2, back=-2), "upside down"),
    ("mirrored", mirrored(weight=1), "adds the two"),
    ("mirrored", lambda f, x: f(x.flip(-1)).flip(-1), "pictures alone"),
    ("mirrored", lambda f, x: f(x), "The mirrored ones are missing"),
    ("mirrored", lambda f, x: mirrored()(f, x).argmax(1), "argmax comes after"),
    ("mirrored", mirrored(there=1, back=1), "other values"),
    ("mirrored", lambda f, x: mirrored()(f, x)[:, :1], "should be a tensor"),
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
