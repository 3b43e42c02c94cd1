"""The plan of a street, by the throw of dice, and the view of it."""

from itertools import count, pairwise

import numpy as np

from .paints import (
    COATS,
    DEEP,
    GREENS,
    STONES,
    Dice,
    leaves,
    plain,
    plaster,
    road,
    stone,
)
from .raycast import Blob, Mood, Panel, Scene, trace
from .things import (
    CLASSES,
    GRASS,
    POLE,
    ROAD,
    SIDEWALK,
    SKY,
    TREE,
    WATER,
    Rod,
    billboard,
    bin_,
    block,
    bush,
    car,
    fence,
    flat,
    frame,
    hedge,
    house,
    lamp,
    mast,
    person,
    pond,
    puddle,
    traffic_light,
    traffic_sign,
    tree,
    wires,
)

MOODS = {
    "clear": {
        "lamp": (1.35, 1.22, 1.02),
        "ambient": (0.25, 0.30, 0.38),
        "horizon": (0.62, 0.73, 0.82),
        "zenith": (0.12, 0.30, 0.62),
        "cloud": (0.92, 0.92, 0.92),
        "cover": 0.45,
        "sight": 500.0,
    },
    "cloudy": {
        "lamp": (0.34, 0.34, 0.32),
        "ambient": (0.68, 0.70, 0.73),
        "horizon": (0.66, 0.68, 0.70),
        "zenith": (0.42, 0.46, 0.52),
        "cloud": (0.72, 0.72, 0.73),
        "cover": 0.65,
        "sight": 600.0,
    },
    "evening": {
        "lamp": (1.30, 0.68, 0.30),
        "ambient": (0.22, 0.23, 0.34),
        "horizon": (0.82, 0.52, 0.34),
        "zenith": (0.12, 0.19, 0.42),
        "cloud": (0.66, 0.36, 0.34),
        "cover": 0.5,
        "sight": 600.0,
    },
    "fog": {
        "lamp": (0.05, 0.05, 0.05),
        "ambient": (0.66, 0.68, 0.70),
        "horizon": (0.60, 0.62, 0.63),
        "zenith": (0.55, 0.57, 0.59),
        "cloud": (0.62, 0.62, 0.62),
        "cover": 0.2,
        "sight": 40.0,
    },
}
LIT = {"clear": 0.0, "cloudy": 0.05, "evening": 0.35, "fog": 0.15}
HEIGHT = {"clear": 0.9, "cloudy": 3.0, "evening": 0.35, "fog": 3.0}  # the sun's

BEGIN = -14.0  # where streets begin, along z; the camera is at 0
PARKED = 2.3  # the width of a row of parked cars
NEAR_END = 75.0  # nothing small is drawn behind


def steps(start, stop, step):
    """From start on, as far as stop. Additions only, unlike np.arange."""
    while start < stop:
        yield start
        start += step


class Street:
    """One street: its widths, and the things that stand in it."""

    def __init__(self, dice):
        self.dice, self.things = dice, []
        pick, within, chance = dice.pick, dice.within, dice.chance
        self.weather = pick(["clear"] * 4 + ["cloudy", "evening"] * 2 + ["fog"])
        self.lit = LIT[self.weather]
        self.green, self.metal = dice.color(GREENS), 0.5 * dice.color(COATS)
        self.grass = leaves(self.green, dice.seed())
        self.asphalt = stone(dice)
        self.pavement = self.asphalt if chance(0.35) else stone(dice)
        self.parking = chance(0.5)
        self.half = within(3.2, 4.2) + PARKED * self.parking
        self.end = within(70, 130)
        self.cross = within(14, 45) if chance(0.6) else None  # a street's z
        self.cross_half = within(3, 4)
        self.verge = {
            side: within(1.4, 2.4) if chance(0.4) else 0.0 for side in (-1, 1)
        }
        self.pave = {side: within(2.0, 4.2) for side in (-1, 1)}
        side = pick([-1, 1])
        reach = self.half + self.verge[side] + self.pave[side] - 1
        self.place = (
            side * reach * dice.roll(),
            within(1.45, 2.2) if chance(0.7) else within(2.5, 5),
            0.0,
        )
        self.lay_road()
        for side in (-1, 1):
            self.build(side)
        self.close()
        self.drive()
        self.walk()

    def put(self, parts, x, z, room=3.5):
        """Add a thing unless it stands within so many metres of the camera."""
        dx, dz = x - self.place[0], z
        if dx * dx + dz * dz > room * room:
            self.things += parts

    def tint(self):
        return self.dice.color([self.green])

    def wall(self):
        dice = self.dice
        if dice.chance(0.15):
            return self.pavement
        return plaster(dice) if dice.chance(0.3) else stone(dice)

    def along(self, side, x, z, height=0.0):
        """The frame at x from the middle whose length leads off the street."""
        return frame((side * x, height, z), (side, 0), (0, 1))

    def spans(self):
        """Where the sides are, along z: all but the street that crosses."""
        if self.cross is None:
            return [(BEGIN, self.end)]
        gap = self.cross_half + 2
        return [(BEGIN, self.cross - gap), (self.cross + gap, self.end)]

    def crossed(self, z):
        """Whether the street that crosses is here."""
        return self.cross is not None and abs(z - self.cross) < 7

    def lay_road(self):
        dice, half = self.dice, self.half
        crossings = [dice.within(5, 12)] if dice.chance(0.3) else []
        if self.cross is not None:
            crossings.append(self.cross - self.cross_half - 2.5)
        lines = road(
            dice,
            self.asphalt,
            half=half,
            crossings=crossings,
            parking=self.parking,
        )
        self.things += [
            flat(-500, 500, -30, 500, -0.04, GRASS, self.grass),
            flat(-half, half, BEGIN, self.end, 0, ROAD, lines),
        ]
        if self.weather in ("cloudy", "evening") and dice.chance(0.6):
            for _ in range(8):
                x, z = dice.within(-half, half - 2.6), dice.within(1, 25)
                self.things += puddle(dice, x, z, self.asphalt)
        if self.cross is not None:
            z0, z1 = self.cross - self.cross_half, self.cross + self.cross_half
            self.things.append(flat(-90, 90, z0, z1, 0.004, ROAD, self.asphalt))

    def build(self, side):
        """One side: kerb, verge, pavement, and what stands there."""
        dice, kerb = self.dice, plain(self.dice.color(STONES))
        inner = side * self.half
        edge = side * (self.half + max(self.verge[side], 0.22))
        front = self.half + self.verge[side] + self.pave[side]
        styles = ["town", "town", "suburb", "park", "park", "canal", "canal"]
        style = dice.pick(styles)
        for z0, z1 in self.spans():
            rim = inner, inner + 0.22 * side
            step = (inner, 0, z0), (0, 0, z1 - z0), (0, 0.12, 0)
            self.things += [
                flat(*rim, z0, z1, 0.12, SIDEWALK, kerb),
                Panel(*step, SIDEWALK, kerb),
                flat(edge, side * front, z0, z1, 0.12, SIDEWALK, self.pavement),
            ]
            if self.verge[side]:
                strip = flat(rim[1], edge, z0, z1, 0.13, GRASS, self.grass)
                self.things.append(strip)
            for z in (z0 - 2, z1):
                if BEGIN <= z < self.end:  # along the street that crosses
                    corner = inner, 90 * side, z, z + 2, 0.12
                    self.things.append(flat(*corner, SIDEWALK, self.pavement))
            if style == "canal":
                self.canal(side, front, z0, z1)
            else:
                self.row(side, front, z0, z1, style)
            self.line_kerb(side, z0, z1)
            if dice.chance(0.35):
                self.string_wires(side, front - 0.25, z0, z1)
        if self.cross is not None:
            x, z = side * (self.half + 0.4), self.spans()[0][1] - 1
            self.put(traffic_light(dice, x, z), x, z)

    def row(self, side, front, z0, z1, style):
        """Land behind the pavement, piece by piece."""
        dice = self.dice
        z = z0 + dice.within(0, 3) * dice.chance(0.5)
        while z1 - z > 6:
            kind = style
            if dice.chance(0.25):
                kind = dice.pick(["town", "suburb", "park"])
            wide = {"town": (7, 14), "suburb": (12, 17), "park": (16, 34)}[kind]
            wide = min(dice.within(*wide), z1 - z)
            getattr(self, kind)(side, front, z, wide)
            z += wide

    def town(self, side, front, z, wide):
        self.things += block(
            self.dice,
            self.along(side, front, z),
            wide,
            wall=self.wall(),
            roof=stone(self.dice),
            lit=self.lit,
            floors=2 + self.dice.below(4),
        )

    def suburb(self, side, front, z, wide):
        dice, middle = self.dice, z + wide / 2
        back = dice.within(3.5, 7)
        size = max(5, min(wide - 3, dice.within(8, 12)))
        place = self.along(side, front + back, middle - size / 2)
        self.things += house(
            dice,
            place,
            size,
            wall=self.wall(),
            roof=stone(dice),
            lit=self.lit,
        )
        path = side * front, side * (front + back), middle - 0.7, middle + 0.7
        self.things.append(flat(*path, 0.02, SIDEWALK, self.pavement))
        kind, seed = dice.pick(["fence", "fence", "hedge", "open"]), dice.seed()
        # The same dice twice: both halves are alike.
        for start, end in (z, middle - 0.8), (middle + 0.8, z + wide):
            edge = self.along(side, front + 0.1, start)
            if kind == "fence":
                self.things += fence(Dice(seed), edge, end - start)
            elif kind == "hedge":
                self.things += hedge(Dice(seed), edge, end - start, self.green)
        for _ in range(dice.below(4)):
            x = side * (front + dice.within(1, back))
            at = z + dice.within(0.5, wide - 0.5)
            size = dice.within(0.4, 0.9)
            self.put(bush(dice, x, at, size, self.tint()), x, at)
        if dice.chance(0.5):
            x = side * (front + dice.within(1.5, back))
            at = z + dice.within(0.5, 2)
            self.put(tree(dice, x, at, dice.within(4, 8), self.tint()), x, at)

    def park(self, side, front, z, wide):
        dice, wet = self.dice, self.dice.chance(0.8)
        if dice.chance(0.55):
            edge = self.along(side, front + 0.1, z)
            self.things += fence(dice, edge, wide)
        if wet:
            long, deep = wide * dice.within(0.6, 0.9), dice.within(7, 12)
            x, at = side * (front + 1), z + (wide - long) / 2
            self.things += pond(dice, x, at, side * deep, long)
        path = side * front, side * (front + 30), z + 0.3, z + 1.9, 0.01
        self.things.append(flat(*path, SIDEWALK, self.pavement))
        for _ in range(int(wide / 2.5)):
            x = side * (front + dice.within(13 if wet else 3, 30))
            at, high = z + dice.within(2, wide), dice.within(5, 11)
            self.put(tree(dice, x, at, high, self.tint(), 18), x, at, 6)
        for _ in range(5):
            x = side * (front + dice.within(13 if wet else 2, 20))
            at, size = z + dice.within(2, wide), dice.within(0.5, 1.1)
            self.put(bush(dice, x, at, size, self.tint()), x, at)
        if dice.chance(0.4):
            x, at = side * (front + 2.8), z + dice.within(0.3, 0.7) * wide
            self.put(billboard(dice, x, at), x, at, 8)

    def canal(self, side, front, z0, z1):
        """Water, and a bank with houses and trees behind it."""
        dice, wide = self.dice, self.dice.within(7, 13)
        bank, stop = side * (front + wide), side * (front + wide + 40)
        water = side * front, bank, z0, z1, 0
        step = (bank, 0, z0), (0, 0, z1 - z0), (0, 0.3, 0)
        self.things += [
            flat(*water, WATER, plain(DEEP), mirror=True),
            flat(bank, stop, z0, z1, 0.3, GRASS, self.grass),
            Panel(*step, SIDEWALK, stone(dice)),
        ]
        if dice.chance(0.6):
            edge = self.along(side, front - 0.15, z0, 0.12)
            self.things += fence(dice, edge, z1 - z0)
        z = z0
        while z1 - z > 8:
            size = min(dice.within(8, 14), z1 - z)
            if dice.chance(0.6):
                self.town(side, front + wide + 4, z, size)
            else:
                for _ in range(3):
                    x = side * (front + wide + dice.within(2, 12))
                    at, high = z + dice.within(0, size), dice.within(5, 10)
                    self.things += tree(dice, x, at, high, self.tint(), 18)
            z += size

    def line_kerb(self, side, z0, z1):
        """Trees, lamps, signs, bollards and bins beside the road."""
        dice, last = self.dice, min(z1 - 1, NEAR_END)
        verge = self.verge[side]
        if dice.chance(0.8 if verge else 0.3):
            x = side * (self.half + (verge / 2 or 0.7))
            step, high = dice.within(7, 12), dice.within(5, 9)
            for z in steps(z0 + dice.within(1, 6), last, step):
                grown = high * dice.within(0.8, 1.2)
                many = 26 if z < 35 else 14
                self.put(tree(dice, x, z, grown, self.tint(), many), x, z, 4.5)
        x, step = side * (self.half + 0.5), dice.within(14, 24)
        for z in steps(z0 + dice.within(0, 10), last, step):
            evening = self.weather == "evening"
            parts = lamp(dice, x, z, -1.1 * side, self.metal, evening)
            self.put(parts, x, z)
        for _ in range(2 + dice.below(3)):
            x = side * (self.half + dice.within(0.35, 0.8))
            z = dice.within(max(z0, 3), max(min(z1, 50), 4))
            if dice.chance(0.8):
                self.put(traffic_sign(dice, x, z), x, z, 4.5)
            else:
                self.put(bin_(dice, x, z), x, z, 4.5)
        if dice.chance(0.3):
            x, start = side * (self.half + 0.4), max(z0, 2)
            for z in (start + 1.8 * i for i in range(12)):
                ends = (x, 0, z), (x, 0.9, z)
                post = Rod(*ends, 0.09, POLE, plain(self.metal))
                self.put([post], x, z, 2.5)

    def string_wires(self, side, x, z0, z1):
        x, step = x * side, self.dice.within(16, 26)
        last = min(z1, NEAR_END)
        masts = list(steps(z0 + self.dice.within(0, 8), last, step))
        for z in masts:
            self.put(mast(x, z), x, z)
        for a, b in pairwise(masts):
            self.things += wires(x, a, b)

    def backdrop(self, place, x, z, wide):
        """A house, or a tree, that closes a view."""
        dice = self.dice
        if dice.chance(0.5):
            self.things += block(
                dice,
                place,
                wide,
                wall=self.wall(),
                roof=stone(dice),
                lit=self.lit,
                floors=2 + dice.below(4),
            )
        else:
            high = dice.within(7, 13)
            self.things += tree(dice, x, z, high, self.tint(), 12)

    def close(self):
        """What stands at the end, behind the sides, and far away."""
        dice = self.dice
        x = -70.0
        while x < 70:
            wide, z = dice.within(8, 16), self.end + dice.within(1, 6)
            self.backdrop(frame((x, 0, z), (0, 1), (1, 0)), x, z, wide)
            x += wide
        for side in (-1, 1):
            z = BEGIN
            while z < self.end:
                wide, x = dice.within(8, 16), dice.within(48, 60)
                self.backdrop(self.along(side, x, z), side * x, z, wide)
                z += wide
        for _ in range(dice.below(6)):
            x, z = dice.within(20, 90), dice.within(110, 170)
            x = x * dice.pick([-1, 1])
            self.things += block(
                dice,
                frame((x, 0, z), (0, 1), (1, 0)),
                dice.within(12, 22),
                wall=stone(dice),
                roof=stone(dice),
                lit=self.lit,
                floors=8 + dice.below(9),
            )
        for _ in range(2 + dice.below(4)):
            x, size = dice.within(-250, 250), dice.within(60, 120)
            woods = leaves(self.tint(), dice.seed())
            radii = size, 0.35 * size, 30
            self.things.append(Blob((x, -5, 300), radii, TREE, woods))

    def drive(self):
        """Cars that are parked, on the road, and on the one that crosses."""
        dice = self.dice
        if self.parking:
            for side in (-1, 1):
                x, full = side * (self.half - 1.1), dice.within(0.3, 0.8)
                z = -8.0
                while z < 60:
                    if dice.chance(full) and not self.crossed(z):
                        self.put(car(dice, x, z, (0, side)), x, z, 5.5)
                    z += dice.within(5.6, 6.6)
        for side in (-1, 1):
            x = side * (self.half - PARKED * self.parking) / 2
            z = dice.within(8, 40)
            while z < 70:
                kind = "bus" if dice.chance(0.12) else None
                self.put(car(dice, x, z, (0, side), kind), x, z, 8)
                z += dice.within(11, 45)
        if self.cross is not None:
            for side in (-1, 1):
                x = dice.within(-25, 5)
                z = self.cross - side * self.cross_half / 2
                while x < 30:
                    if abs(x) > self.half + 2:
                        self.put(car(dice, x, z, (side, 0)), x, z, 7)
                    x += dice.within(9, 25)

    def walk(self):
        """People on the pavements, and some on the road."""
        dice = self.dice
        for _ in range(6 + dice.below(10)):
            side = dice.pick([-1, 1])
            low = self.half + self.verge[side] + 0.4
            x = side * dice.within(low, low + self.pave[side] - 0.8)
            z = dice.within(3, 12) if dice.chance(0.4) else dice.within(8, 45)
            if dice.chance(0.12):
                x = dice.within(-self.half, self.half)
            y = 0.12 if abs(x) > self.half else 0.0
            for _ in range(1 + dice.chance(0.3)):
                self.put(person(dice, x, y, z), x, z, 2.8)
                x, z = x + dice.within(0.4, 0.6), z + dice.within(-0.3, 0.3)

    def view(self):
        """The street as a Scene: its light, and where the camera looks."""
        dice = self.dice
        mood = dict(MOODS[self.weather])
        mood["cover"] += dice.within(-0.25, 0.2)
        mood["sight"] *= dice.within(0.7, 1.4)
        high = HEIGHT[self.weather] * dice.within(0.7, 1.2)
        sun = dice.within(-1, 1), high, dice.within(-1, 0.2)
        most = dice.pick([0.08, 0.08, 0.3, 0.3, 0.75])
        return Scene(
            things=self.things,
            mood=Mood(sun=sun, seed=dice.seed(), **mood),
            place=self.place,
            turn=dice.within(-most, most),
            focal=dice.within(0.7, 1.1),
            horizon=dice.within(0.34, 0.62),
            sky=SKY,
        )


def scene(*key: int) -> Scene:
    """The scene that belongs to these integers.

    Streets are drawn up until one is worth looking at: at least nine classes
    are seen, and none fills more than half of the view.
    """
    for attempt in count():
        found = Street(Dice(*key, attempt)).view()
        named = trace(found.things, found.camera(48, 72))[3]
        seen = np.bincount(found.labels()[named].ravel(), minlength=256)
        shares = seen[: len(CLASSES)] / named.size
        if (shares > 0.001).sum() >= 9 and shares.max() <= 0.5:
            return found
