"""Exercises on label files of your own: borders, colours, splits."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ...data import VOID
from .checking import AnswerError, Exercise, ask, by_cases, judge, shown

SIDES = [(0, 1), (0, -1), (1, 0), (-1, 0)]  # rows down, columns to the right
CORNERS = [(1, 1), (1, -1), (-1, 1), (-1, -1)]


def neighbour(labels: Tensor, down: int, right: int) -> Tensor:
    """The label one step away, and a pixel's own one beyond the border."""
    padded = F.pad(labels[None].float(), (1, 1, 1, 1), "replicate")[0].long()
    h, w = labels.shape
    return padded[1 + down : 1 + down + h, 1 + right : 1 + right + w]


def bordered(
    labels: Tensor,
    steps: Sequence[tuple[int, int]] = SIDES,
    beside: Callable = neighbour,
    counts: Callable = lambda near: near != VOID,
) -> Tensor:
    result = labels.clone()
    for step in steps:
        near = beside(labels, *step)
        result[(near != labels) & counts(near)] = VOID
    return result


def all_neighbours_differ(labels: Tensor) -> Tensor:
    differ = [neighbour(labels, *step) != labels for step in SIDES]
    return labels.where(~torch.stack(differ).all(0), VOID)


border = by_cases(
    cases=[
        (
            torch.tensor(
                [
                    [0, 0, 0, 0, 0, 2],
                    [0, 1, 1, 0, 0, 2],
                    [0, 1, 1, 0, VOID, 2],
                    [0, 0, 3, 0, VOID, 2],
                    [0, 0, 0, 0, 0, 0],
                ]
            ),
        )
    ],
    true=bordered,
    mistakes={
        "Beyond its last row and column your picture goes on with the first "
        "ones, as `torch.roll` has it. A pixel at the border has fewer "
        "neighbours.": lambda x: bordered(
            x, beside=lambda y, down, right: y.roll((-down, -right), (0, 1))
        ),
        "Your void grows: a pixel next to void becomes void as well. Compare "
        "with neighbours that have a class.": lambda x: bordered(
            x, counts=lambda near: near == near
        ),
        "Your function compares each pixel with its right and its lower "
        "neighbour only, so just one side of a border becomes void.": (
            lambda x: bordered(x, [(0, 1), (1, 0)])
        ),
        "Your function compares each pixel with its left and its upper "
        "neighbour only, so just one side of a border becomes void.": (
            lambda x: bordered(x, [(0, -1), (-1, 0)])
        ),
        "Your function looks to the left and to the right only, so a border "
        "that runs from left to right stays.": (
            lambda x: bordered(x, SIDES[:2])
        ),
        "Your function looks up and down only, so a border that runs from top "
        "to bottom stays.": lambda x: bordered(x, SIDES[2:]),
        "Your function counts the diagonal neighbours too. The exercise asks "
        "for four neighbours.": lambda x: bordered(x, SIDES + CORNERS),
        "In your result a pixel becomes void only if all of its neighbours "
        "have another class. One such neighbour is enough.": (
            all_neighbours_differ
        ),
    },
    otherwise=lambda case, wanted, said: (
        f"{(wanted == VOID).sum()} of the pixels should be void, and the "
        f"others keep their class; in your result {(said == VOID).sum()} are "
        "void."
    ),
)

COLOURS = [(128, 64, 128), (0, 0, 142), (142, 0, 0), (0, 64, 128)]
KNOWN = torch.tensor([[0, 1, 1], [2, 3, 0]])
MASK = torch.tensor(COLOURS, dtype=torch.uint8)[KNOWN]


def matched(
    mask: Tensor,
    colours: Sequence[Sequence[int]],
    agree: Callable = lambda equal: equal.all(-1),
) -> Tensor:
    """The index of the last colour that agrees; 0 where none does."""
    labels = torch.zeros(mask.shape[:2], dtype=torch.int64)
    for index, colour in enumerate(colours):
        labels[agree(mask == torch.tensor(colour))] = index
    return labels


@Exercise
def indices(answer: Callable) -> str | None:
    """Colours to indices, and an error for a colour that has no class."""
    wrong = judge(
        answer,
        cases=[(MASK, COLOURS)],
        true=lambda mask, colours: KNOWN,
        mistakes={
            "Your function compares the red channel alone, but two classes may "
            "share it.": lambda m, c: matched(m, c, lambda x: x[..., 0]),
            "Your function takes a class if one of the three channels agrees. "
            "All three must.": lambda m, c: matched(m, c, lambda x: x.any(-1)),
            "Red and blue are swapped in your function. OpenCV reads pictures "
            "so, Pillow and this mask do not.": lambda m, c: matched(
                m.flip(-1), c
            ),
            "Your labels count from 1. The first colour is class 0.": (
                lambda m, c: matched(m, c) + 1
            ),
        },
        otherwise=lambda case, wanted, said: (
            f"The labels should be {wanted.tolist()}, but your function "
            f"returned {said.tolist()}."
        ),
    )
    if wrong is not None:
        return wrong
    unknown = MASK.clone()
    unknown[1, 2] = torch.tensor((120, 64, 128))  # nearly the first colour
    try:
        said = ask(answer, unknown, COLOURS)
    except AnswerError:
        said = None
    except ValueError as error:
        if "120" not in str(error):
            return (
                "An unknown colour is an error now. Name it in the message, "
                "so that its author can look for it."
            )
        return None
    except Exception as error:
        return (
            "For the colour 120 64 128, which has no class, your function "
            f"stops with {type(error).__name__}. Raise a ValueError that names "
            "the colour."
        )
    if not isinstance(said, Tensor) or said.shape != KNOWN.shape:
        return (
            "For a mask with the colour 120 64 128, which has no class, your "
            f"function returns {shown(said)}. It should raise a ValueError."
        )
    label = said[1, 2].item()
    kinds = {
        0: "class 0, so nobody will ever learn that the mask has a colour too "
        "many",
        VOID: "void, so a whole class with a mistyped colour would vanish "
        "without a word",
    }
    became = kinds.get(label, f"label {label}")
    return (
        f"The colour 120 64 128 has no class, and your function makes it "
        f"{became}. Raise a ValueError that names the colour."
    )


RECORDINGS = [
    (["a", "a", "a", "b", "b", "b", "c", "c", "d", "d"], 2),
    (["a", "a", "a", "b", "b", "b", "c", "c", "d", "d"], 3),
    (["a", "b", "a", "c", "b", "c", "c"], 2),
    (["a", "a", "b", "b", "b"], 1),
]


def held_out(recordings: list[str], least: int) -> list[int]:
    chosen: set[str] = set()
    for name in reversed(recordings):
        if sum(x in chosen for x in recordings) >= least:
            break
        chosen.add(name)
    return [i for i, name in enumerate(recordings) if name in chosen]


def without_the_last(recordings: list[str], least: int) -> list[int]:
    """Recordings as long as they fit into `least` pictures."""
    found: list[int] = []
    for name in dict.fromkeys(reversed(recordings)):
        own = [i for i, x in enumerate(recordings) if x == name]
        if len(found) + len(own) > least:
            break
        found += own
    return sorted(found)


def rest(found: list[int], recordings: list[str]) -> list[int]:
    return [i for i in range(len(recordings)) if i not in found]


def first_recordings(recordings: list[str], least: int) -> list[int]:
    mirrored = held_out(recordings[::-1], least)
    return sorted(len(recordings) - 1 - i for i in mirrored)


split = by_cases(
    cases=RECORDINGS,
    true=held_out,
    mistakes={
        "Your function holds out the last pictures, and their recording is cut "
        "in two: nearly the same frame is then learned from and judged "
        "by. Take whole recordings.": lambda r, n: list(range(len(r)))[-n:],
        "Your function holds out the first pictures, and their recording is "
        "cut in two. Take whole recordings, from the end of the list.": (
            lambda r, n: list(range(n))
        ),
        "Your function takes every so many-th picture, so nearly every frame "
        "that is judged has a neighbour that was learned from. Take whole "
        "recordings.": lambda r, n: list(range(0, len(r), len(r) // n))[:n],
        "Your function returns the pictures to learn from. Return those that "
        "are held out.": lambda r, n: rest(held_out(r, n), r),
        "Your function stops before there are enough pictures. Go on until at "
        "least the number that was asked for is held out.": without_the_last,
        "Your function begins with the first recording. Begin with that of the "
        "last picture.": first_recordings,
        "Your function holds out the recording of the last picture alone. Go "
        "on until there are enough pictures.": (
            lambda r, n: [i for i, x in enumerate(r) if x == r[-1]]
        ),
    },
    otherwise="For the recordings {0} and at least {1} pictures the indices "
    "{wanted} should be held out, but your function returned {said}.",
)
