"""A small ray caster: panels, blobs and rods, seen by a camera and by a sun.

Lengths are in metres: x to the right, y up, z along the street. A vector is a
triple of numbers or of arrays. Light is linear; the picture shows its square
root. All arithmetic is + - * /, sqrt and floor on float64, which every machine
rounds in the same way: the same scene gives the same pixels everywhere.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np

NEAR = 0.3  # metres; nothing closer to the camera is seen
NOTHING = -1  # the index of what a ray meets that meets nothing


def dot(a, b):
    """The inner product of two vectors."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def add(a, b, k=1.0):
    """a + k b."""
    return a[0] + k * b[0], a[1] + k * b[1], a[2] + k * b[2]


def scale(a, k):
    """k a."""
    return a[0] * k, a[1] * k, a[2] * k


def unit(a):
    """The vector of length 1 in the direction of a."""
    return scale(a, 1 / np.sqrt(dot(a, a)))


def cross(a, b):
    """The vector that is upright on a and b."""
    return (
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    )


def mix(a, b, weight):
    """Colours from a, where the weight `n` is 0, to b, where it is 1: `n 3`."""
    a = np.asarray(a)
    return a + (b - a) * weight[:, None]


@dataclass
class Spot:
    """Points of one surface, n of them: what its paint may ask for.

    u, v: metres along the surface. pixel: how many metres a pixel of the
    picture covers there. light: what falls on the points, `n 3`. sky: gives
    the colours of directions. point, normal (towards the eye) and view (from
    the eye) are vectors.
    """

    u: np.ndarray
    v: np.ndarray
    point: tuple
    normal: tuple
    view: tuple
    pixel: np.ndarray
    light: np.ndarray
    sky: Callable

    def mirrored(self) -> np.ndarray:
        """The sky that a mirror would show at the points, `n 3`."""
        away = -2 * dot(self.view, self.normal)
        return self.sky(add(self.view, scale(self.normal, away)))


Paint = Callable[[Spot], np.ndarray]  # the light that leaves the points, `n 3`


# The things have three methods. hull: points around it. hit: how far a ray
# from o in direction d goes to it, in multiples of d, and the same with its
# holes closed; inf where it misses. surface: u, v and the normal at points.


@dataclass(eq=False)
class Panel:
    """A rectangle: a corner, and two edges at a right angle.

    cut: from u and v to where there is material. With `veil` the holes have
    the panel's label, whatever is seen through them: a fence. With `mirror`,
    for level panels at height 0, the world is mirrored in it: water.
    """

    corner: tuple
    along: tuple
    up: tuple
    label: int
    paint: Paint
    cut: Callable | None = None
    veil: bool = False
    mirror: bool = False

    def __post_init__(self):
        self.width = np.sqrt(dot(self.along, self.along))
        self.height = np.sqrt(dot(self.up, self.up))
        self.e1, self.e2 = unit(self.along), unit(self.up)
        self.normal = cross(self.e1, self.e2)

    def hull(self):
        a, b = self.corner, add(self.corner, self.along)
        return [a, b, add(a, self.up), add(b, self.up)]

    def hit(self, o, d):
        away = add(o, self.corner, -1)
        t = -dot(away, self.normal) / dot(d, self.normal)
        u = dot(away, self.e1) + t * dot(d, self.e1)
        v = dot(away, self.e2) + t * dot(d, self.e2)
        inside = (u >= 0) & (u <= self.width) & (v >= 0) & (v <= self.height)
        solid = inside if self.cut is None else inside & self.cut(u, v)
        t = np.where(t > NEAR, t, np.inf)
        closed = inside if self.veil else solid
        return np.where(solid, t, np.inf), np.where(closed, t, np.inf)

    def surface(self, p):
        away = add(p, self.corner, -1)
        return dot(away, self.e1), dot(away, self.e2), self.normal


@dataclass(eq=False)
class Blob:
    """An ellipsoid. `ragged`, in 0..1, frays its outline as leaves do."""

    center: tuple
    radii: tuple
    label: int
    paint: Paint
    ragged: float = 0.0

    def hull(self):
        corners = product((-1, 1), repeat=3)
        return [add(self.center, _times(self.radii, c)) for c in corners]

    def hit(self, o, d):
        small = tuple(1 / r for r in self.radii)
        m, e = _times(add(o, self.center, -1), small), _times(d, small)
        a, b, c = dot(e, e), dot(m, e), dot(m, m) - 1
        root = np.sqrt(b * b - a * c)
        t = (-b - root) / a
        t = np.where(t > NEAR, t, np.inf)
        if self.ragged:
            p = add(o, scale(d, np.where(t < np.inf, t, 0.0)))
            leaf = scatter(*(np.floor(9 * x) for x in p))
            facing = root / np.sqrt(a)  # the cosine, on the unit sphere
            t = np.where(facing > self.ragged * leaf, t, np.inf)
        return t, t

    def surface(self, p):
        small = tuple(1 / (r * r) for r in self.radii)
        away = add(p, self.center, -1)
        return p[0] + p[2], p[1], unit(_times(away, small))


@dataclass(eq=False)
class Rod:
    """A cylinder with round ends, from one point to another."""

    start: tuple
    end: tuple
    radius: float
    label: int
    paint: Paint

    def __post_init__(self):
        self.axis = add(self.end, self.start, -1)

    def hull(self):
        r = self.radius
        ends = list(zip(self.start, self.end, strict=True))
        return list(product(*((min(e) - r, max(e) + r) for e in ends)))

    def hit(self, o, d):
        m, r2 = add(o, self.start, -1), self.radius * self.radius
        aa, ad, am = (dot(self.axis, x) for x in (self.axis, d, m))
        dd, dm, mm = dot(d, d), dot(d, m), dot(m, m)
        a, b = aa * dd - ad * ad, aa * dm - am * ad
        c = aa * (mm - r2) - am * am
        t = (-b - np.sqrt(b * b - a * c)) / a
        along = am + t * ad  # 0 at the start, aa at the end
        m = add(m, scale(self.axis, np.where(along <= 0, 0.0, 1.0)), -1)
        b, c = dot(d, m), dot(m, m) - r2
        cap = (-b - np.sqrt(b * b - dd * c)) / dd
        t = np.where((along > 0) & (along < aa), t, cap)
        t = np.where(t > NEAR, t, np.inf)
        return t, t

    def surface(self, p):
        away = add(p, self.start, -1)
        along = np.clip(dot(away, self.axis) / dot(self.axis, self.axis), 0, 1)
        normal = unit(add(away, scale(self.axis, along), -1))
        return p[0] + p[2], p[1], normal


def _times(a, b):
    return a[0] * b[0], a[1] * b[1], a[2] * b[2]


class Camera:
    """Sends a ray through each pixel of a picture of this height and width.

    It looks level, turned to the right by an angle whose half has the tangent
    `turn`, so that uprights stay upright. focal: in parts of the width;
    horizon: its height from the top, in parts of the picture's.
    """

    def __init__(self, place, turn, focal, horizon, height, width):
        c = (1 - turn * turn) / (1 + turn * turn)  # the cosine
        s = 2 * turn / (1 + turn * turn)
        self.origin, self.forward, self.right = place, (s, 0, c), (c, 0, -s)
        self.focal, self.middle = focal * width, horizon * height
        self.shape = height, width
        y = (self.middle - np.arange(height) - 0.5)[:, None] / self.focal
        x = (np.arange(width) + 0.5 - width / 2) / self.focal
        ahead = add(self.forward, scale(self.right, x))
        self.rays = ahead[0] + 0 * y, ahead[1] + y, ahead[2] + 0 * y

    def part(self, at):
        """The rays in rows and columns: origin and directions."""
        return self.origin, tuple(d[at] for d in self.rays)

    def window(self, hull):
        """The rows and columns that may see what the hull encloses."""
        away = [add(p, self.origin, -1) for p in hull]
        points = [
            (dot(p, self.right), p[1], dot(p, self.forward)) for p in away
        ]
        seen = [p for p in points if p[2] >= NEAR]
        if 0 < len(seen) < len(points):  # partly behind: cut off what is
            for p, q in combinations(points, 2):
                if (p[2] < NEAR) != (q[2] < NEAR):
                    k = (NEAR - p[2]) / (q[2] - p[2])
                    seen.append((*add(p, add(q, p, -1), k)[:2], NEAR))
        rows = [self.middle - self.focal * p[1] / p[2] for p in seen]
        columns = [self.shape[1] / 2 + self.focal * p[0] / p[2] for p in seen]
        return _window(rows, columns, self.shape)


class Sun:
    """Parallel rays, aimed at the cells of a square of the ground.

    center: x and z, in metres; half: half the square's side.
    """

    HIGH = 80.0  # how far away the rays start, in metres
    CELLS = 1200  # in a side

    def __init__(self, direction, center, half, things):
        self.direction = unit(direction)
        self.corner = center[0] - half, center[1] - half
        self.step = 2 * half / self.CELLS
        self.shape = self.CELLS, self.CELLS
        self.reach = trace(things, self)[0]

    def part(self, at):
        rows, columns = (np.arange(s.start, s.stop) + 0.5 for s in at)
        x = self.corner[0] + self.step * rows[:, None]
        z = self.corner[1] + self.step * columns[None, :]
        start = add((x, 0.0, z), self.direction, self.HIGH)
        return start, scale(self.direction, -1.0)

    def cell(self, p):
        """Where the light that goes through p comes to the ground."""
        k = p[1] / self.direction[1]
        x, z = p[0] - k * self.direction[0], p[2] - k * self.direction[2]
        return (x - self.corner[0]) / self.step, (
            z - self.corner[1]
        ) / self.step

    def window(self, hull):
        rows, columns = zip(*(self.cell(p) for p in hull), strict=True)
        return _window(rows, columns, self.shape)

    def shine(self, p, slack=0.12):
        """The part of the light, in 0..1, that comes to the points.

        It is 1 outside of the square. slack: metres in which a thing casts no
        shadow, on itself for instance.
        """
        row, column = (x - 0.5 for x in self.cell(p))
        own = self.HIGH - p[1] / self.direction[1] - slack
        i, j = np.floor(row), np.floor(column)
        y, x = row - i, column - j
        total = 0.0
        for di, wy in (0, 1 - y), (1, y):
            for dj, wx in (0, 1 - x), (1, x):
                r, c = i + di, j + dj
                known = (np.minimum(r, c) >= 0) & (
                    np.maximum(r, c) < self.CELLS
                )
                r, c = (np.where(known, k, 0).astype(int) for k in (r, c))
                total = total + wy * wx * (~known | (self.reach[r, c] >= own))
        return total


def _window(rows, columns, shape):
    """The pixels around all the points: two slices, perhaps empty."""
    out = []
    for values, size in zip((rows, columns), shape, strict=True):
        low = min(values, default=size)
        high = max(values, default=0)
        start = int(min(max(low, 0), size))
        stop = int(min(max(high, -1) + 1, size))
        out.append(slice(start, max(stop, start)))
    return tuple(out)


def trace(things: Sequence, view) -> tuple[np.ndarray, ...]:
    """What each ray of a camera or a sun meets first: four arrays `h w`.

    The distance, in lengths of the ray's direction, and the index of the
    thing; then both again for the thing that gives the label (see Panel).
    They are inf and NOTHING where a ray meets nothing.
    """
    near, far = np.full((2, *view.shape), np.inf)
    index, named = np.full((2, *view.shape), NOTHING, dtype=np.int16)
    with np.errstate(divide="ignore", invalid="ignore"):
        for i, thing in enumerate(things):
            at = view.window(thing.hull())
            if any(s.start == s.stop for s in at):
                continue
            solid, closed = thing.hit(*view.part(at))
            for t, best, who in (solid, near, index), (closed, far, named):
                first = t < best[at]
                best[at][first] = t[first]
                who[at][first] = i
    return near, index, far, named


@dataclass
class Mood:
    """The light of a day. Colours are linear.

    sun: the direction to it. lamp, ambient: the light of the sun and of the
    whole sky. cover: how much of the sky is cloud. sight: how far one sees in
    the haze, in metres (a contrast falls to two fifths).
    """

    sun: tuple
    lamp: tuple
    ambient: tuple
    horizon: tuple
    zenith: tuple
    cloud: tuple
    cover: float
    sight: float
    seed: int

    def sky(self, d):
        """The colours of directions: a vector -> `n 3`."""
        flat = np.sqrt(d[0] * d[0] + d[2] * d[2])
        rise = np.clip(d[1] / flat, 0, None)
        color = mix(self.horizon, self.zenith, rise / (rise + 0.5))
        far = 2.5 / (rise + 0.12) / flat
        x, y = d[0] * far, d[2] * far
        puff = 0.12 * noise(2 * x, 2 * y, self.seed)
        puff = puff + 0.28 * noise(x, y, self.seed)
        puff = puff + 0.60 * noise(x / 2, y / 2, self.seed)
        thick = np.clip((puff - 1 + self.cover) * 5, 0, 1)
        return mix(color, self.cloud, thick * rise / (rise + 0.1))

    def clear(self, distance):
        """The part of the light that comes through the haze."""
        k = distance / self.sight
        return 1 / (1 + k + k * k / 2)


@dataclass
class Scene:
    """Things in a light, and from where they are seen (as in Camera).

    sky: the label of what is not a thing.
    """

    things: list
    mood: Mood
    place: tuple
    turn: float
    focal: float
    horizon: float
    sky: int

    def camera(self, height, width):
        return Camera(
            self.place, self.turn, self.focal, self.horizon, height, width
        )

    def labels(self):
        """The label of each index that `trace` gives."""
        return np.array([thing.label for thing in self.things] + [self.sky])


def render(scene: Scene, height: int, width: int, *, samples=3, void=255):
    """Draw a scene: a picture `h w 3` and its labels `h w`, both uint8.

    Each pixel is the mean of samples² rays. Its label is void where they meet
    more than one class, and where haze hides what is there.
    """
    camera = scene.camera(height * samples, width * samples)
    x, _, z = add(scene.place, camera.forward, 24.0)
    sun = Sun(scene.mood.sun, (x, z), 30.0, scene.things)
    near, index, far, named = trace(scene.things, camera)
    everywhere = np.ones(index.shape, dtype=bool)
    found = near, index, everywhere
    light = _look(scene.things, scene.mood, camera, sun, found, samples)
    mirrors = [isinstance(t, Panel) and t.mirror for t in scene.things]
    wet = np.array([*mirrors, False])[index]
    if wet.any():
        light[wet] = _water(scene, camera, sun, light[wet], near, wet, samples)
    shown = scene.labels()[named]
    shown[(scene.mood.clear(far) < 0.1) & (named != NOTHING)] = void
    return _picture(light, samples), _agreed(shown, samples, void)


def _look(things, mood, camera, sun, found, samples):
    """The light that the camera sees: `h w 3`.

    found: distances, indices (see trace), and where the light is asked for.
    """
    near, index, asked = (x.ravel() for x in found)
    light = np.zeros((index.size, 3))
    order = np.flatnonzero(asked)
    order = order[np.argsort(index[order], kind="stable")]
    seen, starts = np.unique(index[order], return_index=True)
    for i, at in zip(seen, np.split(order, starts[1:]), strict=True):
        view = tuple(d.ravel()[at] for d in camera.rays)
        if i == NOTHING:
            light[at] = mood.sky(view)
            continue
        t = near[at]
        p = add(camera.origin, scale(view, t))
        u, v, normal = things[i].surface(p)
        length = np.sqrt(dot(view, view))
        view = scale(view, 1 / length)
        slant = dot(view, normal)
        normal = scale(normal, np.where(slant > 0, -1.0, 1.0))
        pixel = samples * t / camera.focal
        pixel = pixel / np.sqrt(np.clip(abs(slant), 0.02, 1))
        lit = np.clip(dot(normal, sun.direction), 0, None) * sun.shine(p)
        falls = lit[:, None] * mood.lamp
        falls = falls + (0.7 + 0.3 * normal[1])[:, None] * mood.ambient
        spot = Spot(u, v, p, normal, view, pixel, falls, mood.sky)
        leaves = things[i].paint(spot)
        light[at] = mix(mood.horizon, leaves, mood.clear(t * length))
    return light.reshape(*camera.shape, 3)


def _water(scene, camera, sun, light, near, wet, samples):
    """The light `n 3` of water: of its ground, and of the mirrored world.

    The mirrored world is what a camera as far below the water sees, upside
    down; waves shift it up and down.
    """
    height, width = camera.shape
    view, t = tuple(d[wet] for d in camera.rays), near[wet]
    p, length = add(camera.origin, scale(view, t)), np.sqrt(dot(view, view))
    small = visible(0.2, samples * t / camera.focal)
    wave = noise(p[0] * 1.3, p[2] * 5, 5) - 0.5
    wave = wave + 0.5 * small * (noise(p[0] * 5, p[2] * 19, 6) - 0.5)
    row, column = np.nonzero(wet)
    row = height - 1 - row - np.floor(0.06 * height * wave).astype(int)
    at = np.clip(row, 0, height - 1), column

    x, y, z = scene.place
    focal, horizon = scene.focal, 1 - scene.horizon
    below = Camera((x, -y, z), scene.turn, focal, horizon, height, width)
    above = [t for t in scene.things if max(p[1] for p in t.hull()) > 1]
    asked = np.zeros(wet.shape, dtype=bool)
    asked[at] = True
    found = *trace(above, below)[:2], asked
    mirrored = _look(above, scene.mood, below, sun, found, samples)[at]
    graze = 1 + view[1] / length  # 0 from above, 1 at a glance
    strength = 0.25 + 0.65 * graze * graze * graze
    return mix(light, mirrored, strength * scene.mood.clear(t * length))


def _picture(light, samples):
    """The mean of each pixel's samples, and its square root in 0..255."""
    total = 0.0
    for i, j in product(range(samples), repeat=2):
        total = total + light[i::samples, j::samples]
    root = np.sqrt(np.clip(total / (samples * samples), 0, 1))
    return np.floor(255 * root + 0.5).astype(np.uint8)


def _agreed(labels, samples, void):
    """The label of pixels whose samples all have the same one, else void."""
    first = labels[::samples, ::samples]
    same = np.ones(first.shape, dtype=bool)
    for i, j in product(range(samples), repeat=2):
        same &= labels[i::samples, j::samples] == first
    return np.where(same, first, void).astype(np.uint8)


def scatter(*cells, seed=0):
    """A random number in 0..1 for each cell of whole coordinates."""
    h = np.full(np.shape(cells[0]), seed, dtype=np.uint32)
    for cell in cells:
        h = h + cell.astype(np.int64).astype(np.uint32)
        h = (h ^ (h >> 15)) * np.uint32(0x2C1B3C6D)
        h = (h ^ (h >> 12)) * np.uint32(0x297A2D39)
    return (h ^ (h >> 15)) / 2.0**32


def noise(x, y, seed=0):
    """Smooth random values in 0..1: a hill or a dale per unit of length."""
    i, j = np.floor(x), np.floor(y)
    u, v = x - i, y - j
    u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
    rows = []
    for k in (j, j + 1):
        left, right = scatter(i, k, seed=seed), scatter(i + 1, k, seed=seed)
        rows.append(left + (right - left) * u)
    return rows[0] + (rows[1] - rows[0]) * v


def visible(length, pixel):
    """From 1 for a detail of this length to 0 where it is under a pixel."""
    return np.clip(length / pixel - 0.7, 0, 1)
