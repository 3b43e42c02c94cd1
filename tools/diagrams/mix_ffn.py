"""Diagrams on the Mix-FFN."""

from .drawing import (
    ACCENT,
    ACCENT_INK,
    ACCENT_PALE,
    B0,
    GREY,
    INK,
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
    outside = {"fill": ACCENT_PALE, "stroke": ACCENT_INK, "dash": "4 3"}
    for n, (mode, left, right) in enumerate(modes):
        y = 20 + n * 46
        d.text(16, y + 25, mode, "start mono bold")
        for i, letter in enumerate((left, *letters, right)):
            look = outside if i in (0, side + 1) else {"fill": GREY}
            x = 140 + i * 40
            d.rect(x, y, 36, 36, radius=2, **look)
            d.text(x + 18, y + 24, letter, "mono")

    x0, y0 = 166, 242
    words = "zeros around a picture of ones: how many ones in a window?"
    d.text(16, 192, words, "start")
    for y in range(-1, side + 1):
        for x in range(-1, side + 1):
            inside = 0 <= y < side and 0 <= x < side
            d.cell(
                *(x0 + x * cell, y0 + y * cell, cell, cell),
                "1" if inside else "0",
                fill=GREY if inside else ACCENT_PALE,
                stroke=WHITE,
                ink=INK if inside else MUTED,
                style="mono small",
            )
    frame = {"fill": "none", "stroke": ACCENT, "width": 3, "radius": 3}
    for name, (y, x) in windows.items():
        left, middle = x0 + (x - 1) * cell, y0 + (y + 0.5) * cell
        right = left + 3 * cell
        d.rect(left, y0 + (y - 1) * cell, 3 * cell, 3 * cell, **frame)
        words = f"{name}: {counts[name]}"
        if name == "inside":
            between = y0 + y * cell  # two rows of digits
            d.across(104, left - 4, between)
            d.text(98, between + 5, words, "end bold")
        else:
            d.across(right + 32, right + 4, middle)
            d.text(right + 38, middle + 5, words, "start bold")
    return d


def mix_ffn() -> Drawing:
    """The four steps, and what each of them mixes."""
    steps = (
        ("Linear", "c → 4c", "channels meet,", "each token alone"),
        ("conv 3 × 3", "depthwise", "nine tokens meet,", "each channel alone"),
        ("GELU", "", "each number", "alone"),
        ("Linear", "4c → c", "channels meet,", "each token alone"),
    )
    assert RATIO == 4
    d = Drawing(
        490,
        508,
        "Mix-FFN: two linear layers with a depthwise convolution between",
        "From top to bottom. A feature map b h w c goes through a Linear from "
        "c to 4c channels, where the channels of a token meet and each token "
        "is alone; a depthwise 3 x 3 convolution with zeros around the map, "
        "where nine tokens meet and each channel is alone; GELU, which "
        "treats each number alone; and a Linear from 4c to c channels. "
        "Between the linear layers the map is b h w 4c, at the end b h w c. "
        "Beside each step stands a small drawing of the numbers that go into "
        "one number of the result.",
    )
    middle, width, pitch = 98, 150, 118
    shapes = ("b h w c", "b h w 4c", "b h w 4c", "b h w 4c", "b h w c")
    d.text(middle, 24, shapes[0], "mono muted")
    for n, (*names, first, second) in enumerate(steps):
        y = 48 + n * pitch
        d.down(middle, y - 17, y - 1)
        d.box(middle - width / 2, y, width, 54, *filter(None, names), on=n == 1)
        d.down(middle, y + 55, y + 78, arrow=False)
        d.text(middle, y + 93, shapes[n + 1], "mono muted")
        d.lines(332, y + 24, first, second)
        block(d, 200, y - 10, n)
    return d


def block(d: Drawing, x: float, y: float, step: int) -> None:
    """Some channels of a few places; those that one result needs, filled."""
    size, places, deep, dx, dy = 14, 5, 4, 9, 7
    front = y + (deep - 1) * dy
    d.stack(x, front, places, places, size, layers=deep, dx=dx, dy=dy)
    reach = (1, 2, 3) if step == 1 else (2,)
    channels = range(deep) if step in (0, 3) else (0,)
    for channel in reversed(channels):  # seen through the front
        left, top = x + channel * dx, front - channel * dy
        for row in reach:
            for column in reach:
                at = left + column * size, top + row * size
                d.cell(*at, size, size, fill=ACCENT, stroke=WHITE)


DRAWINGS = {"padding_modes": padding_modes, "mix_ffn": mix_ffn}
