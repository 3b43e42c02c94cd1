"""Answers: the right ones, and mistakes with their words.

Nothing here is shared with the checkers' own formulas.
"""

import torch


def field(layers, *, first=1, strided=True, dilated=True, less=1, own=False):
    """Walk from the output back to the input."""
    size = first
    for kernel, stride, dilation in reversed(layers):
        if own:
            size += (kernel - less) * dilation
            size = (size - 1) * stride + 1
            continue
        size = (size - 1) * (stride if strided else 1) + 1
        size += (kernel - less) * (dilation if dilated else 1)
    return size


def whole_kernels(layers):
    size, step = 1, 1
    for kernel, stride, dilation in layers:
        size, step = size + kernel * dilation * step, step * stride
    return size


def added_strides(layers):
    size, step = 1, 1
    for kernel, stride, dilation in layers:
        size += (kernel - 1) * dilation * step
        step += stride - 1
    return size


def overlap(true, said):
    """The larger set on a line, with the smaller one inside."""
    a, b = set(range(true)), set(range(said))
    return len(a & b) / len(a | b)


def miou(counts):
    k = len(counts)
    ious = []
    for i in range(k):
        row = sum(counts[i][j] for j in range(k))
        column = sum(counts[j][i] for j in range(k))
        ious.append(counts[i][i] / (row + column - counts[i][i]))
    return sum(ious) / k


def total(scenes):
    k = len(scenes[0])
    return [[sum(x[i][j] for x in scenes) for j in range(k)] for i in range(k)]


def per_draw(value):
    """A number for each draw, from the drawn matrices of both models."""

    def answer(a, b, picks):
        a, b = a.tolist(), b.tolist()
        return torch.tensor(
            [
                value([a[i] for i in pick], [b[i] for i in pick], pick, a, b)
                for pick in picks.tolist()
            ]
        )

    return answer


def mean_of_each(scenes):
    return sum(map(miou, scenes)) / len(scenes)


def unique(scenes, pick):
    return total(list(dict(zip(pick, scenes, strict=True)).values()))


def accuracy(scenes):
    counts = total(scenes)
    return sum(counts[i][i] for i in range(len(counts))) / sum(map(sum, counts))


RIGHT = {
    "ceiling": overlap,
    "field": field,
    "difference": per_draw(lambda a, b, *_: miou(total(a)) - miou(total(b))),
}
WRONG = [
    ("ceiling", lambda t, s: s / t, "for each true one"),
    ("ceiling", lambda t, s: t / s, "the true pixels by the predicted"),
    ("ceiling", lambda t, s: max(t / s, s / t), "larger number by the smaller"),
    ("ceiling", lambda t, s: min(t, s) / (t + s), "sum of both sets"),
    ("ceiling", lambda t, s: 1 if s > t else s / t, "possible accuracy"),
    ("ceiling", lambda t, s: 1 if t > s else t / s, "possible precision"),
    ("ceiling", lambda *a: 1.0, "at most 0.6667"),
    ("ceiling", lambda *a: "all", "should be one number"),
    ("field", lambda x: field(x) - 1, "output itself is missing"),
    ("field", lambda x: field(x, strided=False), "strides are missing"),
    ("field", lambda x: field(x, dilated=False), "dilations are missing"),
    ("field", whole_kernels, "adds its whole kernel"),
    ("field", lambda x: field(x, own=True), "use their own stride"),
    ("field", added_strides, "strides are added up"),
    ("field", lambda x: 31, "receptive field is 63"),
    ("field", lambda x: None, "not answered yet"),
    ("difference", per_draw(lambda a, b, *_: miou(total(b)) - miou(total(a))),
     "sign is wrong"),
    ("difference",
     per_draw(lambda a, b, *_: mean_of_each(a) - mean_of_each(b)),
     "for each scene and takes the mean"),
    ("difference",
     per_draw(lambda a, b, pick, *_: miou(unique(a, pick))
              - miou(unique(b, pick))),
     "drawn twice counts once"),
    ("difference",
     per_draw(lambda a, b, pick, all_a, all_b: miou(total(all_a))
              - miou(total(all_b))),
     "same scenes in every draw"),
    ("difference", per_draw(lambda a, *_: miou(total(a))), "of `a` alone"),
    ("difference", per_draw(lambda a, b, *_: accuracy(a) - accuracy(b)),
     "pixel accuracies"),
    ("difference", lambda a, b, picks: torch.zeros(3),
     "returned [0.0, 0.0, 0.0]"),
    ("difference", lambda a, b, picks: 0.5, "a tensor of shape"),
]  # fmt: skip
