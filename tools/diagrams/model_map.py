"""The map of the model, with the part of a chapter in colour."""

from segformer_tutorial.classroom.plots import STAGES

from .drawing import (
    ACCENT,
    ACCENT_INK,
    ACCENT_PALE,
    B0,
    IMAGE,
    PALE,
    SIDES,
    Drawing,
)

BLOCK = ("attention", "mix_ffn", "block")
ENCODER = ("patch_embedding", *BLOCK, "norm", "maps")
DECODER = ("unify", "fuse", "decoder")
TODAY = {
    "map": ("", ()),
    "map_ends": ("the image and the labels, the two ends", ("ends",)),
    "map_patch_embedding": (
        "the four overlap patch embeddings, one at the head of each stage",
        ("patch_embedding",),
    ),
    "map_attention": (
        "the efficient self-attention in the blocks of every stage",
        ("attention",),
    ),
    "map_mix_ffn": (
        "the Mix-FFN in the blocks of every stage",
        ("mix_ffn",),
    ),
    "map_block": (
        "the transformer blocks of every stage, attention and Mix-FFN with "
        "their frame",
        BLOCK,
    ),
    "map_encoder": (
        "the whole encoder: all four stages and the four maps that they give",
        ENCODER,
    ),
    "map_decoder": (
        "the all-MLP decoder: linear layers, upsampling, fuse and classify",
        DECODER,
    ),
    "map_model": (
        "everything, from the first patch embedding to the classifier",
        ENCODER + DECODER,
    ),
}


def scene(d: Drawing, x: float, y: float, size: float, labels: bool) -> None:
    """A little landscape, as a photo or as labels."""
    colours = ["#56b4e9", "#009e73", "#e69f00", "#d55e00"]
    if not labels:
        colours = ["#cfe3f0", "#8fa58a", "#d9c7a3", "#b08a76"]
    sky, hill, field, house = colours
    s = size / 48

    def at(*points: tuple[float, float]) -> list[tuple[float, float]]:
        return [(x + px * s, y + py * s) for px, py in points]

    d.polygon(*at((0, 0), (48, 0), (48, 48), (0, 48)), fill=sky)
    d.polygon(
        *at((0, 30), (16, 14), (34, 30), (48, 22), (48, 48), (0, 48)), fill=hill
    )
    d.polygon(*at((0, 36), (48, 32), (48, 48), (0, 48)), fill=field)
    d.polygon(*at((26, 40), (26, 30), (32, 25), (38, 30), (38, 40)), fill=house)
    d.rect(x, y, size, size, fill="none", radius=0)


def model_map(name: str) -> Drawing:
    """The whole model, with today's part in the accent colour."""
    words, today = TODAY[name]
    maps = ", ".join(
        f"1/{IMAGE // n} ({n} x {n}, {c} channels)"
        for n, c in zip(SIDES, B0.dims, strict=True)
    )
    desc = (
        f"An image of {IMAGE} x {IMAGE} goes down through four stages. Each "
        "stage is an overlap patch embedding, transformer blocks (efficient "
        "self-attention, then Mix-FFN) and a norm. Each gives a map, which is "
        f"also what the next stage starts from: {maps}. The all-MLP decoder "
        f"takes the four maps: a linear layer to {B0.decoder_dim} channels "
        "for each, upsampling to the first map's size, fuse, classify. The "
        "logits have a quarter of the image's side; they are resized and the "
        "largest one gives each pixel its label. "
        + (f"Highlighted: {words}." if words else "Nothing is highlighted.")
    )
    title = "The map of SegFormer-B0"
    d = Drawing(490, 876, title + (f": {words}" if words else ""), desc)

    def on(part: str) -> bool:
        return part in today

    pe_x, pe_w, wire_x = 6, 94, 84
    block_x, block_w = 112, 172
    norm_x, norm_w = 298, 50
    map_x, label_x = 366, 354
    frame_y, pitch, box_h = 76, 116, 60
    unify_w = 106
    unify_x = [20 + (unify_w + 8) * (3 - i) for i in range(4)]
    decoder_y = frame_y + 4 * pitch + 18
    shape = "start mono small muted"

    def frame(part: str) -> dict:
        """How the frame around a part looks."""
        if on(part):
            return {"fill": ACCENT_PALE, "stroke": ACCENT, "width": 2.5}
        return {"fill": PALE}

    def ink(part: str) -> str:
        return "start accent" if on(part) else "start"

    d.rect(10, decoder_y, 468, 184, **frame("decoder"))
    if on("ends"):
        d.rect(wire_x - 23, 3, 46, 46, fill=ACCENT, stroke=ACCENT_INK)
    scene(d, wire_x - 20, 6, 40, labels=False)
    d.text(112, 24, "image", "start bold")
    words = f"b c h w = b {B0.in_channels} {IMAGE} {IMAGE}"
    d.text(112, 43, words, "start mono muted")
    d.down(wire_x, 46, frame_y + 22)

    for i, (n, c) in enumerate(zip(SIDES, B0.dims, strict=True)):
        top = frame_y + i * pitch
        y = top + 22
        middle, end = y + box_h / 2, y + box_h

        d.text(pe_x, top + 15, f"stage {i + 1}", "start bold")
        d.area(0, y, 5, box_h, STAGES[i])
        lines = "overlap", "patch", "embedding"
        d.box(pe_x, y, pe_w, box_h, *lines, on=on("patch_embedding"))
        d.across(pe_x + pe_w, block_x, middle)
        d.rect(block_x, top - 3, block_w, box_h + 32, **frame("block"))
        words = f"block × {B0.depths[i]}"
        d.text(block_x + 8, top + 15, words, ink("block"))
        right = block_x + block_w
        d.text(right - 8, top + 15, "b h w c", "end mono small muted")
        lines = "efficient", "self-", "attention"
        d.box(block_x + 6, y, 84, box_h, *lines, on=on("attention"))
        d.across(block_x + 90, block_x + 102, middle, arrow=False)
        d.box(block_x + 102, y, 64, box_h, "Mix-", "FFN", on=on("mix_ffn"))
        d.across(right, norm_x, middle)
        d.box(norm_x, y, norm_w, box_h, "norm", on=on("norm"))
        d.across(norm_x + norm_w, map_x, middle)

        # the map, its side drawn to scale; its shape in two notations
        size = n * 44 / SIDES[0]
        d.text(label_x, top + 13, f"1/{IMAGE // n}", f"{ink('maps')} bold")
        if i == 0:
            d.text(label_x + 40, top + 13, "b c h w", shape)
        if on("maps"):
            d.area(map_x - 3, middle - size / 2 - 3, size + 6, size + 6, ACCENT)
        d.area(map_x, middle - size / 2, size, size, STAGES[i])
        d.text(label_x, end + 9, f"b {c} {n} {n}", shape)

        if i < 3:  # on to the next stage
            x0, turn = norm_x + norm_w / 2, end + 20
            d.line((x0, end), (x0, turn), (wire_x, turn), (wire_x, y + pitch))
        bus, turn = 460 + 7 * (3 - i), decoder_y - 30 + 6 * (3 - i)
        unify = unify_x[i] + unify_w / 2
        way = (map_x + size, middle), (bus, middle), (bus, turn), (unify, turn)
        d.line(*way, (unify, decoder_y + 10))

    y = decoder_y + 10
    for x, n, c in zip(unify_x, SIDES, B0.dims, strict=True):
        lines = "linear", f"{c} → {B0.decoder_dim}"
        d.box(x, y, unify_w, 46, *lines, on=on("unify"))
        centre = x + unify_w / 2
        d.down(centre, y + 46, y + 76)
        if n < SIDES[0]:
            words = f"resize × {SIDES[0] // n}"
            d.text(centre + 8, y + 65, words, "start muted")
    large = f"{SIDES[0]} {SIDES[0]}"
    d.box(20, y + 76, 448, 32, "fuse", on=on("fuse"))
    d.down(244, y + 108, y + 136)
    d.text(256, y + 127, f"b {B0.decoder_dim} {large}", shape)
    d.text(20, y + 127, "all-MLP decoder", f"{ink('decoder')} bold")
    d.box(164, y + 136, 160, 32, "classify", on=on("fuse"))
    y += 168
    d.down(244, y, y + 40)
    d.text(256, y + 32, "logits", "start bold")
    d.text(312, y + 32, f"b {B0.num_classes} {large}", shape)
    d.box(150, y + 40, 188, 30, "resize, then argmax", fill=PALE)
    d.down(244, y + 70, y + 88)
    if on("ends"):
        d.rect(221, y + 85, 46, 46, fill=ACCENT, stroke=ACCENT_INK)
    scene(d, 224, y + 88, 40, labels=True)
    d.text(276, y + 105, "labels", "start bold")
    d.text(276, y + 124, f"b {IMAGE} {IMAGE}", shape)
    return d


DRAWINGS = {name: lambda name=name: model_map(name) for name in TODAY}
