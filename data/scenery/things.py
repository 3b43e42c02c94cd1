"""What stands in a street: functions that give lists of panels, blobs, rods.

A thing is built in a frame of its own, a function `place` from a length, a
height and a width, in metres, to a point of the world.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .paints import (
    BARK,
    BLACK,
    COATS,
    DEEP,
    HAIRS,
    LAMPLIGHT,
    METAL,
    RUBBER,
    SKINS,
    STONES,
    WHITE,
    choose,
    emblem,
    facade,
    glass,
    glowing,
    lamps,
    landscape,
    leaves,
    lettering,
    plain,
    stone,
    stripes,
    varnish,
)
from .raycast import Blob, Panel, Rod, add, noise

CLASSES = (
    "building",
    "sky",
    "tree",
    "sign",
    "water",
    "person",
    "sidewalk",
    "pole",
    "fence",
    "grass",
    "car",
    "road",
)
BUILDING, SKY, TREE, SIGN, WATER, PERSON = range(6)
SIDEWALK, POLE, FENCE, GRASS, CAR, ROAD = range(6, 12)
VOID = 255


def frame(origin, forward, sideways):
    """The frame at a point; the directions are (x, z), at a right angle."""

    def place(length, height, width):
        return (
            origin[0] + forward[0] * length + sideways[0] * width,
            origin[1] + height,
            origin[2] + forward[1] * length + sideways[1] * width,
        )

    return place


def moved(place, length, height, width):
    """The frame with its origin elsewhere."""
    return lambda a, b, c: place(length + a, height + b, width + c)


def panel(place, corner, along, up, label, paint, cut=None, veil=False):
    """The panel with a corner and its two neighbours."""
    a, b, c = place(*corner), place(*along), place(*up)
    return Panel(a, add(b, a, -1), add(c, a, -1), label, paint, cut, veil)


def flat(x0, x1, z0, z1, height, label, paint, **more):
    """A piece of ground."""
    size = (abs(x1 - x0), 0, 0), (0, 0, z1 - z0)
    return Panel((min(x0, x1), height, z0), *size, label, paint, **more)


def under(profile):
    """A cut: below the line through points (length, height)."""
    steps = [(a, b) for a, b in pairwise(profile) if b[0] > a[0]]

    def cut(u, v):
        inside = np.zeros(np.shape(u), dtype=bool)
        for (u0, v0), (u1, v1) in steps:
            line = v0 + (v1 - v0) / (u1 - u0) * (u - u0)
            inside = inside | ((u >= u0) & (u <= u1) & (v <= line))
        return inside

    return cut


def ellipse(wide, high, rough=0.0, seed=0):
    """A cut: the ellipse in a panel of this size, less something rough."""

    def cut(u, v):
        x, y = 2 * u / wide - 1, 2 * v / high - 1
        inside = x * x + y * y <= 1
        if rough:
            known = np.where(inside, u, 0), np.where(inside, v, 0)
            inside = x * x + y * y <= 1 - rough * noise(*known, seed)
        return inside

    return cut


def prism(place, profile, wide, label, side, edges):
    """A profile of (length, height), drawn out over a width.

    It starts and ends at height 0. side: the paint of both ends; edges: the
    paint of each segment of the profile.
    """
    long, high = (max(p[k] for p in profile) for k in (0, 1))
    parts = [
        panel(
            place,
            (0, 0, w),
            (long, 0, w),
            (0, high, w),
            label,
            side,
            under(profile),
        )
        for w in (0, wide)
    ]
    for p, q, paint in zip(profile, profile[1:], edges, strict=False):
        low, top = (p, q) if p[1] <= q[1] else (q, p)
        corner, along, up = (*low, 0), (*low, wide), (*top, 0)
        parts.append(panel(place, corner, along, up, label, paint))
    return parts


def box(place, long, high, wide, label, paint):
    profile = [(0, 0), (0, high), (long, high), (long, 0)]
    return prism(place, profile, wide, label, paint, [paint] * 3)


def block(dice, place, wide, *, wall, roof, lit, floors):
    """A town house, with its front at length 0."""
    floor, deep = dice.within(2.9, 3.6), dice.within(9, 13)
    high = floor * floors + 0.5
    shop = dice.chance(0.6)
    bay = wide / max(2, int(wide / dice.within(2.0, 3.2)))
    front = facade(dice, wall, floor=floor, bay=bay, lit=lit, shop=shop)
    side = wall
    if dice.chance(0.5):
        side = facade(dice, wall, floor=floor, bay=2.9, lit=lit)
    profile, paints = [(0, 0), (0, high), (deep, high), (deep, 0)], [roof]
    if dice.chance(0.55):
        top, back = high + dice.within(2.2, 3.6), dice.within(1, 4)
        profile[2:2] = [(back, top), (deep - back, top)]
        paints = [roof] * 3
    edges = [front, *paints, front]
    parts = prism(place, profile, wide, BUILDING, side, edges)
    ledge = moved(place, -0.3, high - 0.25, 0)
    trim = plain(dice.color(STONES))
    parts += box(ledge, 0.3, 0.35, wide, BUILDING, trim)
    if shop:
        parts += shop_front(dice, place, wide, floor)
    return parts


def shop_front(dice, place, wide, floor):
    """A board over the windows, perhaps one that stands out, an awning."""
    start, end = dice.within(0.3, 1), wide - dice.within(0.3, 1)
    low, high = 0.8 * floor, dice.within(0.6, 0.9)
    corners = (-0.12, low, start), (-0.12, low, end), (-0.12, low + high, start)
    parts = [panel(place, *corners, SIGN, lettering(dice, high))]
    if dice.chance(0.6):
        w, low = dice.within(0.5, wide - 0.5), dice.within(2.6, 3.4)
        size = dice.within(0.7, 1.1)
        out = -0.2 - size
        corners = (out, low, w), (-0.2, low, w), (out, low + size, w)
        parts.append(panel(place, *corners, SIGN, lettering(dice, size)))
    if dice.chance(0.5):
        color = dice.color(COATS)
        paint = stripes(color, WHITE if dice.chance(0.5) else color)
        corners = (-1.4, 2.2, 0.6), (-1.4, 2.2, wide - 0.6), (0, 2.75, 0.6)
        parts.append(panel(place, *corners, BUILDING, paint))
    return parts


def house(dice, place, wide, *, wall, roof, lit):
    """A house with a gable, with its front at length 0."""
    floor, deep, rise = 2.7, dice.within(7, 9), dice.within(2.2, 3.6)
    high = floor * dice.pick([1, 2]) + 0.4
    shutters = dice.chance(0.6)

    def face(long):
        bay = long / max(2, int(long / dice.within(2.2, 3)))
        return facade(
            dice, wall, floor=floor, bay=bay, lit=lit, shutters=shutters
        )

    if dice.chance(0.5):  # the gable looks at the street
        ahead, wide, deep = place, deep, wide

        def place(length, height, width):
            return ahead(width, height, length)

    half, side, front = deep / 2, face(deep), face(wide)
    top = high + rise
    profile = [(0, 0), (0, high), (half, top), (deep, high), (deep, 0)]
    edges = [front, roof, roof, front]
    parts = prism(place, profile, wide, BUILDING, side, edges)
    eaves = high - 0.4 * rise / half + 0.12
    for low in (-0.4, deep + 0.4):
        corner, along = (low, eaves, -0.4), (low, eaves, wide + 0.4)
        up = (half, top + 0.12, -0.4)
        parts.append(panel(place, corner, along, up, BUILDING, roof))
    if dice.chance(0.7):
        at = half + dice.within(-1, 0.4), high, dice.within(0.2, 0.7) * wide
        chimney = moved(place, *at)
        parts += box(chimney, 0.6, rise + 0.9, 0.6, BUILDING, wall)
    return parts


def pond(dice, x, z, wide, deep):
    """A pond from the point x, z; wide along x, deep along z."""
    cut = ellipse(abs(wide), deep, 0.5, dice.seed())
    ground = plain(DEEP)
    area = x, x + wide, z, z + deep, 0
    return [flat(*area, WATER, ground, cut=cut, mirror=True)]


def puddle(dice, x, z, ground):
    """It mirrors as water does, and is road."""
    wide, deep = dice.within(1, 2.6), dice.within(2, 5)
    cut = ellipse(wide, deep, 0.9, dice.seed())
    area = x, x + wide, z, z + deep, 0.002
    return [flat(*area, ROAD, ground, cut=cut, mirror=True)]


def tree(dice, x, z, high, color, count=26):
    """A crown of blobs, so many, on a trunk."""
    trunk = 0.06 + 0.02 * high
    parts = [Rod((x, -0.2, z), (x, 0.6 * high, z), trunk, TREE, plain(BARK))]
    kind = dice.pick(["round", "round", "round", "cone", "tall"])
    wide = high * {"round": 0.27, "cone": 0.2, "tall": 0.13}[kind]
    seed = dice.seed()
    for i in range(count):
        k = (i + 0.5) / count  # from the foot of the crown to its top
        if kind == "cone":
            y, reach, size = 0.2 + 0.75 * k, 0.83 - 0.75 * k, 0.55 - 0.4 * k
        elif kind == "tall":
            y, reach, size = 0.2 + 0.7 * k, 0.5, 0.7 - 0.45 * k * k
        else:
            y, size = 0.4 + 0.5 * k, 0.4
            reach = 0.85 * np.sqrt(1 - 0.8 * (2 * k - 1) * (2 * k - 1))
        a, b = dice.within(-1, 1), dice.within(-1, 1)
        reach = wide * reach * dice.within(0.5, 1)
        reach = reach / np.sqrt(a * a + b * b + 0.05)
        size = wide * size * dice.within(0.8, 1.15)
        paint = leaves(color * dice.within(0.8, 1.2), seed + i)
        center = x + a * reach, y * high, z + b * reach
        parts.append(Blob(center, (size, 0.8 * size, size), TREE, paint, 0.75))
    return parts


def bush(dice, x, z, size, color):
    parts = []
    for _ in range(5):
        a, b = (size * dice.within(-0.6, 0.6) for _ in "xz")
        r = size * dice.within(0.4, 0.7)
        paint = leaves(color * dice.within(0.85, 1.15), dice.seed())
        parts.append(Blob((x + a, 0.6 * r, z + b), (r, r, r), TREE, paint, 0.7))
    return parts


class Body(NamedTuple):
    """The shape of a car: lengths from the rear, heights from its floor.

    panes: the segments of the profile that are glass. windows: where those of
    the sides begin and end, and from which height on.
    """

    profile: list
    panes: tuple
    wheels: tuple
    windows: tuple
    wide: float


# fmt: off
CARS = {
    "sedan": Body(
        [(0, 0), (0, 0.6), (0.15, 0.68), (0.8, 0.7), (1.4, 1.15), (2.7, 1.17),
         (3.5, 0.72), (4.3, 0.58), (4.4, 0.4), (4.4, 0)],
        (3, 5), (0.8, 3.6), (0.9, 3.4, 0.72), 1.76,
    ),
    "hatchback": Body(
        [(0, 0), (0, 0.65), (0.35, 1.2), (2.2, 1.26), (3.0, 0.75),
         (3.75, 0.6), (3.85, 0.4), (3.85, 0)],
        (1, 3), (0.65, 3.15), (0.3, 2.9, 0.75), 1.72,
    ),
    "van": Body(
        [(0, 0), (0, 1.7), (0.1, 1.8), (3.6, 1.85), (4.3, 0.95), (4.9, 0.8),
         (5.0, 0.6), (5.0, 0)],
        (3,), (0.9, 4.1), (2.9, 4.2, 0.95), 1.9,
    ),
    "bus": Body(
        [(0, 0), (0, 2.6), (0.1, 2.7), (9.4, 2.7), (9.6, 2.5), (9.7, 1.0),
         (9.75, 0)],
        (4,), (2.0, 7.6), (0.2, 9.4, 1.0), 2.4,
    ),
}
# fmt: on


def car(dice, x, z, ahead, kind=None):
    """A car with its middle at x, z; ahead is a direction (x, z)."""
    common = ["sedan", "sedan", "hatchback", "hatchback", "van"]
    kind = kind or dice.pick(common)
    profile, panes, wheels, (start, end, belt), wide = CARS[kind]
    long, body = profile[-1][0], varnish(dice.color(COATS))
    side = ahead[1], -ahead[0]
    place = moved(frame((x, 0.22, z), ahead, side), -long / 2, 0, -wide / 2)
    lower = under([(a, b - 0.09) for a, b in profile])

    def flank(spot):
        u, v = spot.u, spot.v
        middle = abs(u - (start + end) / 2)
        pane = lower(u, v) & (v > belt) & (u > start) & (u < end)
        dark = (v < 0.12) | ((middle < 0.015) & (v < belt))
        for at in wheels:
            dark = dark | ((u - at) * (u - at) + (v - 0.1) * (v - 0.1) < 0.15)
        light = choose(pane & (middle > 0.05), glass(spot), body(spot))
        return choose(dark, 0.03 * spot.light, light)

    edges = [glass if i in panes else body for i in range(len(profile) - 1)]
    edges[0] = lamps(body, (0.6, 0.03, 0.02), wide)
    edges[-1] = lamps(body, (0.8, 0.8, 0.75), wide)
    parts = prism(place, profile, wide, CAR, flank, edges)
    corners = (0, 0, 0), (long, 0, 0), (0, 0, wide)
    parts.append(panel(place, *corners, CAR, plain(RUBBER)))
    r = 0.45 if kind == "bus" else 0.33
    for at in wheels:
        for w in (0.08, wide - 0.08):
            for size, deep, color in (r, 0.13, RUBBER), (0.5 * r, 0.15, METAL):
                radii = (size, size, deep) if ahead[0] else (deep, size, size)
                center = place(at, r - 0.22, w)
                parts.append(Blob(center, radii, CAR, plain(color)))
    return parts


def person(dice, x, y, z):
    """Somebody who walks or stands at this point."""
    high = dice.within(1.55, 1.9) if dice.chance(0.85) else dice.within(1, 1.3)
    a, b = dice.within(-1, 1), dice.within(-1, 1)
    norm = np.sqrt(a * a + b * b + 1e-6)
    place = frame((x, y, z), (a / norm, b / norm), (b / norm, -a / norm))
    jacket, skin = plain(dice.color(COATS)), plain(dice.color(SKINS))
    trousers, hair = plain(0.7 * dice.color(COATS)), plain(dice.color(HAIRS))
    stride, low = dice.within(0, 0.16), 0.36 if dice.chance(0.35) else 0.52

    def at(length, height, width):
        return place(length * high, height * high, width * high)

    def rod(start, end, radius, paint):
        return Rod(start, end, radius * high, PERSON, paint)

    def ball(center, wide, tall, paint):
        radii = wide * high, tall * high, wide * high
        return Blob(center, radii, PERSON, paint)

    parts = [
        rod(at(0, low, 0), at(0, 0.75, 0), 0.095, jacket),
        ball(at(0, 0.915, 0), 0.062, 0.08, skin),
        ball(at(-0.012, 0.94, 0), 0.066, 0.068, hair),
    ]
    for side in (-1, 1):
        foot = at(side * stride, 0.04, 0.05 * side)
        hand = at(-side * stride, 0.5, 0.15 * side)
        parts += [
            rod(at(0, 0.5, 0.045 * side), foot, 0.045, trousers),
            rod(at(0, 0.78, 0.115 * side), hand, 0.032, jacket),
            ball(hand, 0.03, 0.03, skin),
        ]
    return parts


def lamp(dice, x, z, reach, color, lit):
    """A street lamp; reach: how far it leans over, along x."""
    high, metal = dice.within(4.2, 6.5), plain(color)
    head = x + reach, high + 0.1, z
    bulb = glowing(1.1 * LAMPLIGHT) if lit else plain(WHITE)
    return [
        Rod((x, 0, z), (x, high, z), 0.09, POLE, metal),
        Rod((x, 0, z), (x, 0.8, z), 0.14, POLE, metal),
        Rod((x, high, z), head, 0.06, POLE, metal),
        Blob(head, (0.38, 0.1, 0.2), POLE, metal),
        Blob(add(head, (0, -0.08, 0)), (0.26, 0.08, 0.14), POLE, bulb),
    ]


def mast(x, z):
    """A mast for wires."""
    wood = plain(BARK)
    return [
        Rod((x, 0, z), (x, 7.5, z), 0.13, POLE, wood),
        Rod((x - 0.8, 7, z), (x + 0.8, 7, z), 0.06, POLE, wood),
    ]


def wires(x, z0, z1):
    """Two wires that sag between two masts."""
    parts = []
    for at in (x - 0.7, x + 0.7):
        points = [(at, 7, z0), (at, 6.5, (z0 + z1) / 2), (at, 7, z1)]
        for p, q in pairwise(points):
            parts.append(Rod(p, q, 0.025, POLE, plain(BLACK)))
    return parts


def traffic_sign(dice, x, z):
    low, size = dice.within(2, 2.6), dice.within(0.6, 0.9)
    kind = dice.pick(["no entry", "closed", "ahead", "danger", "board"])
    cut = ellipse(size, size)
    if kind == "danger":
        cut = under([(0, 0), (size / 2, size), (size, 0)])
    elif kind == "board":
        cut = None
    paint = emblem(kind, size, dice.color(COATS))
    corner = x - size / 2, low, z - 0.06
    return [
        Rod((x, 0, z), (x, low + size, z), 0.045, POLE, plain(METAL)),
        Panel(corner, (size, 0, 0), (0, size, 0), SIGN, paint, cut),
    ]


def traffic_light(dice, x, z):
    colors = np.array([(0.05, 0.8, 0.2), (1.0, 0.6, 0.05), (1.0, 0.08, 0.05)])
    place = frame((x - 0.17, 2.2, z - 0.12), (1, 0), (0, 1))
    parts = [Rod((x, 0, z), (x, 2.6, z), 0.07, POLE, plain(METAL))]
    parts += box(place, 0.34, 1, 0.24, SIGN, plain(BLACK))
    on = dice.below(3)
    for i, color in enumerate(colors):
        paint = glowing(color if i == on else 0.12 * color)
        center = x, 2.38 + 0.31 * i, z - 0.12
        parts.append(Blob(center, (0.11, 0.11, 0.06), SIGN, paint))
    return parts


def billboard(dice, x, z):
    """A picture of a landscape on two poles."""
    wide, high = dice.within(3.2, 4.6), dice.within(2, 2.8)
    corner, paint = (x - wide / 2, 2, z), landscape(dice, wide, high)
    parts = [Panel(corner, (wide, 0, 0), (0, high, 0), SIGN, paint)]
    for at in (x - 0.3 * wide, x + 0.3 * wide):
        ends = (at, 0, z + 0.1), (at, 2.4, z + 0.1)
        parts.append(Rod(*ends, 0.1, POLE, plain(METAL)))
    return parts


def bin_(dice, x, z):
    """A litter bin. It has no class: its label is void."""
    paint = plain(dice.color(COATS))
    return [Rod((x, 0.3, z), (x, 0.7, z), 0.24, VOID, paint)]


def fence(dice, place, wide):
    """A railing, pickets or a wall, along the width at length 0."""
    kind = dice.pick(["railing", "pickets", "wall"])
    if kind == "wall":
        high = dice.within(0.7, 1.5)
        return box(place, 0.3, high, wide, FENCE, stone(dice))
    high, paint = dice.within(0.9, 1.3), plain(dice.color(COATS))
    step, bar = (0.16, 0.04) if kind == "railing" else (0.2, 0.14)

    def cut(u, v):
        upright = u - step * np.floor(u / step) < bar
        rails = np.minimum(abs(v - 0.9 * high), abs(v - 0.2 * high)) < 0.035
        return upright | rails

    corners = (0, 0, 0), (0, 0, wide), (0, high, 0)
    return [panel(place, *corners, FENCE, paint, cut, veil=True)]


def hedge(dice, place, wide, color):
    high = dice.within(0.8, 1.4)
    return box(place, 0.7, high, wide, TREE, leaves(color, dice.seed()))
