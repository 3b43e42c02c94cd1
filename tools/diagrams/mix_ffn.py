"""The diagrams on mix ffn."""

from collections.abc import Callable

from .drawing import (
    ACCENT,
    ACCENT_INK,
    ACCENT_PALE,
    B0,
    GREY,
    INK,
    LINE,
    MUTED,
    WHITE,
    Drawing,
)

KERNEL, RATIO = 3, B0.expansion_ratios[0]
assert set(B0.expansion_ratios) == {RATIO}


def padding_modes() -> Drawing:
    """Three ways to fill the border, and what zeros do to a sum of nine."""
    letters = "abcdef"
    modes = (
        ("zeros", "0", "0"),
        ("reflect", letters[1], letters[-2]),
        ("circular", letters[-1], letters[0]),
    )
    side, cell = 6, 26
    windows = {"corner": (0, 5), "edge": (4, 5), "inside": (3, 1)}
    counts = {
        name: sum(
            0 <= y + i < side and 0 <= x + j < side
            for i in (-1, 0, 1)
            for j in (-1, 0, 1)
        )
        for name, (y, x) in windows.items()
    }
    assert list(counts.values()) == [4, 6, 9]
    d = Drawing(
        490,
        442,
        "Three ways to fill the border, and what zeros give away",
        f"Top: a row of {side} pixels, {' '.join(letters)}, with one more on "
        "either side. Zeros puts 0 on both sides. Reflect puts b on the left "
        "and e on the right, as a mirror does. Circular puts f on the left "
        f"and a on the right. Bottom: a picture of {side} x {side} ones with "
        f"a ring of zeros and three windows of {KERNEL} x {KERNEL}. The "
        f"window at a corner holds {counts['corner']} ones, the one at an "
        f"edge {counts['edge']}, the one inside {counts['inside']}.",
    )
    step, x0 = 40, 140
    for n, (mode, left, right) in enumerate(modes):
        y = 20 + n * 46
        d.text(16, y + 25, mode, anchor="start", mono=True, bold=True)
        for i, letter in enumerate((left, *letters, right)):
            outside = i in (0, side + 1)
            x = x0 + i * step
            d.rect(
                x,
                y,
                step - 4,
                36,
                fill=ACCENT_PALE if outside else GREY,
                stroke=ACCENT_INK if outside else LINE,
                radius=2,
                dash="4 3" if outside else "",
            )
            d.text(x + step / 2 - 2, y + 24, letter, mono=True)

    x0, y0 = 166, 242
    d.text(
        16,
        192,
        "zeros around a picture of ones: how many ones in a window?",
        anchor="start",
    )
    for y in range(-1, side + 1):
        for x in range(-1, side + 1):
            inside = 0 <= y < side and 0 <= x < side
            d.rect(
                x0 + x * cell,
                y0 + y * cell,
                cell,
                cell,
                fill=GREY if inside else ACCENT_PALE,
                stroke=WHITE,
                width=1,
                radius=0,
            )
            d.text(
                x0 + (x + 0.5) * cell,
                y0 + (y + 0.5) * cell + 5,
                "1" if inside else "0",
                size=14,
                mono=True,
                fill=INK if inside else MUTED,
            )
    for name, (y, x) in windows.items():
        left, middle = x0 + (x - 1) * cell, y0 + (y + 0.5) * cell
        d.rect(
            left,
            y0 + (y - 1) * cell,
            3 * cell,
            3 * cell,
            fill="none",
            stroke=ACCENT,
            width=3,
            radius=3,
        )
        words = f"{name}: {counts[name]}"
        if name == "inside":
            between = y0 + y * cell  # two rows of digits
            d.line((104, between), (left - 4, between))
            d.text(98, between + 5, words, anchor="end", bold=True)
        else:
            right = left + 3 * cell
            d.line((right + 32, middle), (right + 4, middle))
            d.text(right + 38, middle + 5, words, anchor="start", bold=True)
    return d


def mix_ffn() -> Drawing:
    """The four steps, and what each of them mixes."""
    steps = (
        ("Linear", "c → 4c", "channels meet,", "each place alone"),
        ("conv 3 × 3", "depthwise", "nine places meet,", "each channel alone"),
        ("GELU", "", "each number", "alone"),
        ("Linear", "4c → c", "channels meet,", "each place alone"),
    )
    assert RATIO == 4
    d = Drawing(
        490,
        508,
        "Mix-FFN: two linear layers with a depthwise convolution between",
        "From top to bottom. A map b h w c goes through a Linear from c to 4c "
        "channels, where the channels of a place meet and each place is "
        "alone; a depthwise 3 x 3 convolution with zeros around the map, "
        "where nine places meet and each channel is alone; GELU, which "
        "treats each number alone; and a Linear from 4c to c channels. "
        "Between the linear layers the map is b h w 4c, at the end b h w c. "
        "Beside each step stands a small drawing of the numbers that go into "
        "one number of the result.",
    )
    middle, width, pitch = 98, 150, 118
    shapes = ("b h w c", "b h w 4c", "b h w 4c", "b h w 4c", "b h w c")
    d.text(middle, 24, shapes[0], mono=True, fill=MUTED)
    for n, (name, detail, first, second) in enumerate(steps):
        y = 48 + n * pitch
        d.line((middle, y - 17), (middle, y - 1))
        lines = (name, detail) if detail else (name,)
        d.box(middle - width / 2, y, width, 54, *lines, on=n == 1)
        d.line((middle, y + 55), (middle, y + 78), arrow=False)
        d.text(middle, y + 93, shapes[n + 1], mono=True, fill=MUTED)
        d.text(332, y + 24, first, anchor="start")
        d.text(332, y + 44, second, anchor="start")
        block(d, 200, y - 10, n)
    return d


def block(d: Drawing, x: float, y: float, step: int) -> None:
    """Some channels of a few places; those that one result needs, filled."""
    size, places, deep = 14, 5, 4
    nine = [(row, column) for row in (1, 2, 3) for column in (1, 2, 3)]
    used = {
        channel: nine if step == 1 else [(2, 2)]
        for channel in (range(deep) if step in (0, 3) else (0,))
    }
    for channel in reversed(range(deep)):
        left, top = x + channel * 9, y + (deep - 1 - channel) * 7
        d.grid(left, top, places, places, size)
        d.rect(
            left,
            top,
            places * size,
            places * size,
            fill="none",
            width=1,
            radius=0,
        )
    for channel in sorted(used, reverse=True):  # seen through the front
        left, top = x + channel * 9, y + (deep - 1 - channel) * 7
        for row, column in used[channel]:
            d.rect(
                left + column * size,
                top + row * size,
                size,
                size,
                fill=ACCENT,
                stroke=WHITE,
                width=1,
                radius=0,
            )


DRAWINGS: dict[str, Callable[[], Drawing]] = {
    "padding_modes": padding_modes,
    "mix_ffn": mix_ffn,
}
