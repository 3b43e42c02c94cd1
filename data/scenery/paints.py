"""Dice, colours, and paints, each a function from a Spot to light.

There are three palettes, and none belongs to one class: roads, pavements,
walls and roofs are of one stone; grass, hedges and crowns of one green; cars,
doors, signs, fences and clothes of one choice of colours. Only what is around
a surface tells which it is.
"""

import numpy as np

from .raycast import noise, scatter, visible

# Linear light: the square of what a picture stores.
STONES = np.array(
    [
        (0.25, 0.245, 0.24),
        (0.15, 0.15, 0.16),
        (0.42, 0.40, 0.37),
        (0.50, 0.43, 0.33),
        (0.36, 0.19, 0.13),
        (0.30, 0.32, 0.36),
        (0.44, 0.31, 0.24),
        (0.58, 0.55, 0.50),
    ]
)
GREENS = np.array(
    [
        (0.10, 0.20, 0.04),
        (0.15, 0.24, 0.06),
        (0.07, 0.15, 0.05),
        (0.22, 0.24, 0.07),
        (0.30, 0.20, 0.05),
    ]
)
COATS = np.array(
    [
        (0.65, 0.65, 0.63),
        (0.04, 0.04, 0.045),
        (0.30, 0.31, 0.33),
        (0.45, 0.05, 0.04),
        (0.05, 0.12, 0.36),
        (0.06, 0.20, 0.10),
        (0.70, 0.46, 0.06),
        (0.45, 0.38, 0.27),
        (0.22, 0.42, 0.58),
        (0.50, 0.20, 0.06),
    ]
)
SKINS = np.array([(0.62, 0.40, 0.29), (0.42, 0.25, 0.16), (0.18, 0.10, 0.06)])
HAIRS = np.array([(0.05, 0.035, 0.025), (0.25, 0.15, 0.06), (0.35, 0.34, 0.33)])
BARK, WOOD = (0.12, 0.085, 0.06), (0.12, 0.09, 0.07)
WHITE, BLACK = np.array((0.7, 0.7, 0.68)), np.array((0.03, 0.03, 0.03))
RED, BLUE = np.array((0.5, 0.03, 0.03)), np.array((0.04, 0.14, 0.45))
METAL, RUBBER, DEEP = (0.3, 0.3, 0.31), (0.02, 0.02, 0.02), (0.03, 0.06, 0.06)
LAMPLIGHT = np.array((1.0, 0.72, 0.35))


class Dice:
    """Random numbers from a key of integers. They need `random` alone."""

    def __init__(self, *key):
        source = np.random.PCG64(np.random.SeedSequence(key))
        self.roll = np.random.Generator(source).random

    def within(self, low, high):
        return low + (high - low) * self.roll()

    def chance(self, part):
        return self.roll() < part

    def below(self, count):
        return int(self.roll() * count)

    def pick(self, options):
        return options[self.below(len(options))]

    def seed(self):
        return self.below(2**31)

    def color(self, palette, spread=0.15):
        """One of the palette, a little lighter or darker, warmer or cooler."""
        color = self.pick(palette) * (1 + self.within(-spread, spread))
        warm = self.within(-spread, spread) / 3
        return color * np.array([1 + warm, 1, 1 - warm])


def choose(mask, a, b):
    """Colours a where the mask `n` holds, else b."""
    return np.where(mask[:, None], a, b)


def plain(color):
    return lambda spot: spot.light * color


def glowing(color):
    return lambda spot: np.broadcast_to(color, spot.light.shape)


def grained(color, seed, *grains):
    """A colour that varies at some sizes in metres, each by so much."""

    def paint(spot):
        value = 1.0
        for size, depth in grains:
            grain = noise(spot.u / size, spot.v / size, seed) - 0.5
            value = value + depth * visible(size, spot.pixel) * grain
        return spot.light * color * value[:, None]

    return paint


def rough(color, seed):
    """Concrete, asphalt, plaster."""
    return grained(color, seed, (2.7, 0.22), (0.5, 0.16), (0.12, 0.14))


def leaves(color, seed):
    """Grass, hedges, crowns of trees."""
    return grained(color, seed, (1.9, 0.4), (0.45, 0.5), (0.15, 0.45))


def masonry(color, seed, length, height):
    """Bricks, slabs or setts, in rows that are shifted by half a stone."""

    def paint(spot):
        row = np.floor(spot.v / height)
        along = spot.u / length + 0.5 * (row - 2 * np.floor(row / 2))
        column = np.floor(along)
        x, y = (along - column) * length, spot.v - row * height
        joint = (x < 0.1 * height) | (y < 0.1 * height)
        value = 0.35 * (scatter(row, column, seed=seed) - 0.5) - 0.3 * joint
        stain = 0.2 * (noise(spot.u / 3, spot.v / 3, seed) - 0.5)
        value = 1 + stain + visible(height, spot.pixel) * value
        return spot.light * color * value[:, None]

    return paint


def stone(dice):
    """What roads, pavements, walls and roofs are made of."""
    color, seed = dice.color(STONES), dice.seed()
    size = dice.pick([None, None, (0.5, 0.2), (0.6, 0.6), (0.3, 0.15)])
    return rough(color, seed) if size is None else masonry(color, seed, *size)


def plaster(dice):
    """A pale shade of what cars and doors are painted in."""
    return rough(0.55 * WHITE + 0.45 * dice.color(COATS), dice.seed())


def glass(spot):
    """A dark pane that mirrors the sky."""
    return 0.05 * spot.light + 0.45 * spot.mirrored()


def facade(dice, wall, *, floor, bay, lit, shop=False, shutters=False):
    """Rows of windows on a wall, with doors, and with shop fronts below.

    floor, bay: the height and the width of a window's place, in metres; lit:
    the part of the windows that shine.
    """
    seed, trim, coat = dice.seed(), dice.color(STONES), dice.color(COATS)
    wide, tall = dice.within(0.38, 0.62), dice.within(0.45, 0.62)

    def paint(spot):
        column, row = np.floor(spot.u / bay), np.floor(spot.v / floor)
        x = abs(spot.u / bay - column - 0.5) * 2  # 0 in the middle, 1 outside
        y = spot.v / floor - row
        front = (row == 0) & shop
        door = (row == 0) & (scatter(column, seed=seed) < 0.3)
        side = np.where(front, 0.86, wide)
        low = np.where(door, 0, np.where(front, 0.15, 0.28))
        high = np.where(front, 0.72, 0.28 + tall)
        frame = (x < side + 0.1) & (y > low - 0.04) & (y < high + 0.04)
        pane = (x < side) & (y > low) & (y < high)
        shine = pane & (scatter(column, row, seed=seed + 1) < lit)
        shade = pane & (y > high - 0.05)
        bars = pane & ((x < 0.06) | (abs(y - high + 0.13) < 0.014))
        leaf = door & pane & ~(front & (y > 0.2) & (x < side - 0.15))
        beside = (x > side + 0.06) & (x < side + 0.36) & ~door & shutters
        light = choose(frame, spot.light * trim, wall(spot))
        light = choose(pane, glass(spot), light)
        light = choose(shine, 0.8 * LAMPLIGHT, light)
        light = choose(shade, 0.5 * light, light)
        light = choose(bars, spot.light * trim, light)
        leaf = leaf | (beside & (y > low) & (y < high))
        return choose(leaf, spot.light * coat, light)

    return paint


def stripes(color, other):
    """Bands of half a metre."""

    def paint(spot):
        band = spot.u - np.floor(spot.u) < 0.5
        return spot.light * choose(band, color, other)

    return paint


def lettering(dice, high):
    """A board of this height with a line of something like letters."""
    ground, ink, seed = dice.color(COATS), dice.color(COATS), dice.seed()
    if abs(ground - ink).max() < 0.25:
        ink = WHITE if ground.max() < 0.4 else BLACK

    def paint(spot):
        cell = np.floor(spot.u / (0.45 * high))
        x, y = spot.u / (0.45 * high) - cell, spot.v / high
        i, j = np.floor(3.9 * x), np.floor(6 * y - 1.5)
        on = (scatter(cell, seed=seed) < 0.8) & (x < 0.77)
        on = on & (scatter(cell, i, j, seed=seed) < 0.62)
        on = on & (y > 0.25) & (y < 0.75)
        return spot.light * choose(on, ink, ground)

    return paint


def landscape(dice, wide, high):
    """A picture of a hill under a sky, for a board of this size."""
    above, hill, field = (dice.color(c) for c in (COATS, GREENS, STONES))
    top = dice.within(0.3, 0.7)

    def paint(spot):
        x, y = spot.u / wide, spot.v / high
        slope = 0.65 - 1.4 * (x - top) * (x - top)
        area = choose(y < slope, hill, above)
        area = choose(y < 0.2, field, area)
        u, v = spot.u - 0.75 * wide, spot.v - 0.8 * high
        area = choose(u * u + v * v < 0.05, (0.75, 0.7, 0.5), area)
        edge = np.minimum(
            np.minimum(spot.u, wide - spot.u), np.minimum(spot.v, high - spot.v)
        )
        return spot.light * choose(edge < 0.1, WHITE, area)

    return paint


def emblem(kind, size, color):
    """A traffic sign of this size."""

    def paint(spot):
        x, y = spot.u / size - 0.5, spot.v / size - 0.5
        if kind == "no entry":
            area = choose((abs(y) < 0.1) & (abs(x) < 0.32), WHITE, RED)
        elif kind == "closed":
            area = choose(x * x + y * y > 0.13, RED, WHITE)
        elif kind == "ahead":
            area = choose((abs(x) < 0.07) & (abs(y) < 0.3), WHITE, BLUE)
        elif kind == "danger":
            inner = (y < 0.22 - 2 * abs(x)) & (y > -0.4)
            area = choose(inner, WHITE, RED)
            area = choose((abs(x) < 0.04) & (abs(y + 0.2) < 0.14), BLACK, area)
        else:
            edge = np.maximum(abs(x), abs(y)) > 0.44
            area = choose(edge | (abs(y - 0.1) < 0.05), WHITE, color)
        return spot.light * area

    return paint


def road(dice, base, *, half, crossings, parking):
    """Worn lines and zebra crossings on a base.

    half: of the road's width; crossings: where they are, along the street.
    """
    gap, middle = dice.within(5, 8), dice.chance(0.8)
    seed = dice.seed()

    def paint(spot):
        x, z = spot.point[0], spot.point[2]
        dash, zebra = z / gap, x / 1.1
        on = middle & (abs(x) < 0.08) & (dash - np.floor(dash) < 0.5)
        on = on | (parking & (abs(abs(x) - half + 2.3) < 0.05))
        for at in crossings:
            band = (zebra - np.floor(zebra) < 0.5) & (abs(x) < half - 0.3)
            on = on & (abs(z - at) > 2.4)
            on = on | (band & (abs(z - at) < 1.7))
        worn = noise(2.1 * x, 2.1 * z, seed) < 0.22
        return choose(on & ~worn, spot.light * (0.88 * WHITE), base(spot))

    return paint


def lamps(body, color, wide):
    """The end of a car of this width: two lamps and a number plate."""

    def paint(spot):
        edge = np.minimum(spot.u, wide - spot.u)
        on = (edge > 0.08) & (edge < 0.45) & (abs(spot.v - 0.44) < 0.08)
        plate = (edge > wide / 2 - 0.26) & (abs(spot.v - 0.22) < 0.06)
        light = choose(on, (spot.light + 0.25) * color, body(spot))
        light = choose(plate, 0.6 * spot.light, light)
        return choose(spot.v < 0.1, 0.04 * spot.light, light)

    return paint


def varnish(color):
    """Car paint: level parts mirror a little sky."""

    def paint(spot):
        level = 0.12 * np.clip(spot.normal[1], 0, 1)
        return spot.light * color + level[:, None] * spot.mirrored()

    return paint
