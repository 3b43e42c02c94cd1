"""Diagrams on the all-MLP decoder."""

from segformer_tutorial.classroom.plots import STAGES

from .drawing import (
    ACCENT,
    ACCENT_PALE,
    B0,
    INK,
    MUTED,
    PALE,
    SIDES,
    Drawing,
)


def bilinear_weights() -> Drawing:
    """A place between four tokens, and the weights as areas."""
    corners = {(0, 0): 10, (0, 1): 20, (1, 0): 30, (1, 1): 60}
    y, x = 0.25, 0.75
    weights = {
        (j, i): (y if j else 1 - y) * (x if i else 1 - x) for j, i in corners
    }
    value = sum(weights[at] * corners[at] for at in corners)
    assert sum(weights.values()) == 1 and value == 26.25
    d = Drawing(
        490,
        300,
        "Bilinear upsampling: the weights of four tokens",
        "A square with one token at each corner: 10 and 20 above, 30 and 60 "
        f"below. A point at y = {y}, x = {x} cuts it into four rectangles. "
        "The weight of a token is the area of the rectangle opposite to it: "
        + ", ".join(f"{weights[at]:g} for {corners[at]}" for at in corners)
        + f". The value is {value:g}.",
    )
    left, top, size = 40, 52, 200
    px, py = left + x * size, top + y * size
    nearest = (0, 1)
    for j, i in reversed(corners):
        # the rectangle opposite to the token at row j and column i
        rx, w = (left, px - left) if i else (px, left + size - px)
        ry, h = (top, py - top) if j else (py, top + size - py)
        assert abs(w * h / size**2 - weights[j, i]) < 1e-9
        on = (j, i) == nearest
        d.cell(rx, ry, w, h, fill=ACCENT_PALE if on else PALE, stroke=MUTED)
    rx, ry, w, h = left, py, px - left, top + size - py
    d.text(rx + w / 2, ry + h / 2 + 5, f"{weights[nearest]:g}", "accent")
    for (j, i), number in corners.items():
        fill = ACCENT if (j, i) == nearest else MUTED
        d.badge(left + i * size, top + j * size, 17, str(number), fill)
    d.circle(px, py, 7, INK)
    d.text(left, 22, "y down, x to the right", "start muted")
    column = 300
    d.text(column, top + 6, "token · weight", "start bold")
    for row, (at, token) in enumerate(corners.items()):
        words = f"{token} · {weights[at]:g} = {token * weights[at]:g}"
        style = "start accent bold" if at == nearest else "start"
        d.text(column, top + 38 + row * 28, words, style)
    d.across(column, column + 160, top + 136, arrow=False)
    d.text(column, top + 160, f"value {value:g}", "start bold")
    words = "weight of a token: the area opposite to it"
    d.text(left - 16, top + size + 40, words, "start muted")
    return d


def decoder_fold() -> Drawing:
    """The published decoder above, the folded one below."""
    c, n = B0.decoder_dim, len(B0.dims)
    large = SIDES[0]
    own = sum(s * s * w * c for s, w in zip(SIDES, B0.dims, strict=True))
    fuse = large**2 * n * c * c
    assert (round(own / 1e9, 2), round(fuse / 1e9, 2)) == (0.26, 4.29)
    d = Drawing(
        490,
        640,
        "The decoder as published, and folded",
        "Above, as published: the maps of stages 4, 3, 2 and 1 go through a "
        f"Linear to {c} channels each, are resized to {large} x {large} and "
        f"concatenated to {n * c} channels; fuse makes {c} of them, with "
        f"{fuse / 1e9:.2f} billion multiply-adds. Below, folded: each map "
        "goes through the product of its Linear and its slice of fuse at its "
        "own size, is resized and added up, with "
        f"{own / 1e9:.2f} billion multiply-adds in all. Then both have a map "
        f"of {c} channels, and go on with norm, ReLU, dropout and classify.",
    )
    left, step, w = 14, 117, 108
    whole = step * (n - 1) + w
    right, middle, part = left + whole, left + whole / 2, whole / n
    stages = [(k, i, left + k * step) for k, i in enumerate(reversed(range(n)))]

    def heads(top: float, title: str) -> None:
        d.text(left, top, title, "start bold")
        for _, i, x in stages:
            words = f"{B0.dims[i]} {SIDES[i]} {SIDES[i]}"
            d.text(x + w / 2, top + 27, words, "mono small")
            d.area(x, top + 32, w, 4, STAGES[i])

    def resized(top: float, x: float, i: int, bottom: float) -> None:
        """An arrow down, with the factor beside it."""
        d.down(x + w / 2, top, bottom)
        if i:
            words, y = f"resize × {SIDES[0] // SIDES[i]}", (top + bottom) / 2
            d.text(x + w / 2 + 7, y + 3, words, "start small muted")

    def shape(y: float, channels: int) -> None:
        words = f"{channels} {large} {large}"
        d.text(middle + 9, y, words, "start mono small")

    def tail(top: float) -> None:
        words = "norm, ReLU, dropout, classify"
        d.box(left + 70, top, whole - 140, 32, words)

    heads(26, "as published")
    d.text(right, 26, f"the Linears {own / 1e9:.2f} billion", "end muted")
    for k, i, x in stages:
        d.down(x + w / 2, 60, 76)
        d.box(x, 77, w, 32, f"Linear → {c}")
        resized(109, x, i, 147)
        d.box(left + k * part, 148, part, 32, f"stage {i + 1}", radius=0)
        d.area(left + k * part, 176, part, 4, STAGES[i])
    d.down(middle, 180, 220)
    shape(204, n * c)
    d.text(left, 204, "concatenated", "start muted")
    d.box(middle - 90, 221, 180, 36, f"fuse {n * c} → {c}")
    d.text(middle + 100, 244, f"{fuse / 1e9:.2f} billion", "start bold")
    d.down(middle, 257, 292)
    shape(280, c)
    tail(293)

    top = 364
    d.across(left, right, top - 20, arrow=False, dash="4 4")
    heads(top + 8, "folded")
    for _, i, x in stages:
        d.down(x + w / 2, top + 42, top + 58)
        lines = "one matrix", f"{B0.dims[i]} → {c}"
        d.box(x, top + 59, w, 46, *lines, on=True)
        resized(top + 105, x, i, top + 143)
    d.box(left, top + 144, whole, 32, "add")
    shape(top + 200, c)
    words = f"{own / 1e9:.2f} billion in all"
    d.text(left, top + 200, words, "start bold accent")
    d.down(middle, top + 176, top + 216)
    tail(top + 217)
    return d


DRAWINGS = {
    "bilinear_weights": bilinear_weights,
    "decoder_fold": decoder_fold,
}
