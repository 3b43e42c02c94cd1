"""The diagrams on decoder."""

from .drawing import (
    ACCENT,
    ACCENT_INK,
    ACCENT_PALE,
    B0,
    GREY,
    INK,
    LINE,
    MUTED,
    PALE,
    SIDES,
    WHITE,
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
    # The rectangle opposite to the token 20, which is the nearest one.
    areas = {
        (1, 1): (left, top, px - left, py - top),
        (1, 0): (px, top, left + size - px, py - top),
        (0, 1): (left, py, px - left, top + size - py),
        (0, 0): (px, py, left + size - px, top + size - py),
    }
    for at, (rx, ry, w, h) in areas.items():
        assert abs(w * h / size**2 - weights[at]) < 1e-9
        on = at == (0, 1)
        d.rect(
            rx,
            ry,
            w,
            h,
            fill=ACCENT_PALE if on else PALE,
            stroke=MUTED,
            width=1,
            radius=0,
        )
    rx, ry, w, h = areas[0, 1]
    d.text(rx + w / 2, ry + h / 2 + 5, f"{weights[0, 1]:g}", fill=ACCENT_INK)
    for (j, i), number in corners.items():
        on = (j, i) == (0, 1)
        cx, cy = left + i * size, top + j * size
        d.circle(cx, cy, 17, ACCENT if on else MUTED)
        d.text(cx, cy + 5, str(number), fill=WHITE, bold=True)
    d.circle(px, py, 7, INK)
    d.text(left, 22, "y down, x to the right", anchor="start", fill=MUTED)
    column = 300
    d.text(column, top + 6, "token · weight", anchor="start", bold=True)
    for row, at in enumerate(corners):
        on = at == (0, 1)
        d.text(
            column,
            top + 38 + row * 28,
            f"{corners[at]} · {weights[at]:g} = {corners[at] * weights[at]:g}",
            anchor="start",
            fill=ACCENT_INK if on else INK,
            bold=on,
        )
    d.line((column, top + 136), (column + 160, top + 136), arrow=False)
    d.text(column, top + 160, f"value {value:g}", anchor="start", bold=True)
    d.text(
        left - 16,
        top + size + 40,
        "weight of a token: the area opposite to it",
        anchor="start",
        fill=MUTED,
    )
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
    order = list(reversed(range(n)))

    def column(k: int) -> float:
        return left + k * step + w / 2

    def heads(top: float, title: str) -> None:
        d.text(left, top, title, anchor="start", bold=True)
        for k, i in enumerate(order):
            d.text(
                column(k),
                top + 27,
                f"{B0.dims[i]} {SIDES[i]} {SIDES[i]}",
                mono=True,
                size=14,
            )

    def resized(top: float, k: int, i: int, bottom: float) -> None:
        """An arrow down, with the factor beside it."""
        d.line((column(k), top), (column(k), bottom))
        if i:
            d.text(
                column(k) + 7,
                (top + bottom) / 2 + 3,
                f"resize × {SIDES[0] // SIDES[i]}",
                anchor="start",
                size=14,
                fill=MUTED,
            )

    heads(26, "as published")
    d.text(
        left + whole,
        26,
        f"the Linears {own / 1e9:.2f} billion",
        anchor="end",
        fill=MUTED,
    )
    for k, i in enumerate(order):
        d.line((column(k), 60), (column(k), 76))
        d.box(left + k * step, 77, w, 32, f"Linear → {c}")
        resized(109, k, i, 147)
        d.rect(
            left + k * whole / n,
            148,
            whole / n,
            32,
            fill=GREY,
            stroke=LINE,
            radius=0,
        )
        d.text(left + (k + 0.5) * whole / n, 169, f"stage {i + 1}")
    d.line((left + whole / 2, 180), (left + whole / 2, 220))
    d.text(
        left + whole / 2 + 9,
        204,
        f"{n * c} {large} {large}",
        anchor="start",
        mono=True,
        size=14,
    )
    d.text(left, 204, "concatenated", anchor="start", fill=MUTED)
    d.box(left + whole / 2 - 90, 221, 180, 36, f"fuse {n * c} → {c}")
    d.text(
        left + whole / 2 + 100,
        244,
        f"{fuse / 1e9:.2f} billion",
        anchor="start",
        bold=True,
    )
    d.line((left + whole / 2, 257), (left + whole / 2, 292))
    d.text(
        left + whole / 2 + 9,
        280,
        f"{c} {large} {large}",
        anchor="start",
        mono=True,
        size=14,
    )

    def tail(top: float) -> None:
        d.box(
            left + 70,
            top,
            whole - 140,
            32,
            "norm, ReLU, dropout, classify",
        )

    tail(293)
    top = 364
    d.line((left, top - 20), (left + whole, top - 20), arrow=False, dash="4 4")
    heads(top + 8, "folded")
    for k, i in enumerate(order):
        d.line((column(k), top + 42), (column(k), top + 58))
        d.box(
            left + k * step,
            top + 59,
            w,
            46,
            "one matrix",
            f"{B0.dims[i]} → {c}",
            on=True,
        )
        resized(top + 105, k, i, top + 143)
    d.box(left, top + 144, whole, 32, "add")
    d.text(
        left + whole / 2 + 9,
        top + 200,
        f"{c} {large} {large}",
        anchor="start",
        mono=True,
        size=14,
    )
    d.text(
        left,
        top + 200,
        f"{own / 1e9:.2f} billion in all",
        anchor="start",
        bold=True,
        fill=ACCENT_INK,
    )
    d.line((left + whole / 2, top + 176), (left + whole / 2, top + 216))
    tail(top + 217)
    return d


DRAWINGS = {
    "bilinear_weights": bilinear_weights,
    "decoder_fold": decoder_fold,
}
