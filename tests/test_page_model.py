"""The model that runs in a page: its packing, its classes, its numbers."""

import base64
import json
import shutil
import subprocess

import pytest
import torch

import notebooks
import page_model
from segformer_tutorial.data.images import read_image
from segformer_tutorial.data.normalize import normalize
from segformer_tutorial.data.task import Task
from segformer_tutorial.model import labels_from_logits
from segformer_tutorial.weights import load_model, read_task

ROOT = notebooks.ROOT

# Reads a job from its input; prints what the scripts of the page compute.
RUN = """
const job = JSON.parse(require("fs").readFileSync(0, "utf8"));
const net = network(job.packed);
const rgba = Uint8Array.from(Buffer.from(job.rgba, "base64"));
const state = forward(net, rgba, job.height, job.width);
const seen = (stage, head) => [...attentionFrom(net, state, ...job.pixel,
  stage, head).weights];
console.log(JSON.stringify({
  logits: [...state.logits.data], labels: [...labelsOf(state)],
  terms: probe(net, state, ...job.pixel).map((term) => [...term]),
  seen: net.config.num_heads.map((heads, stage) =>
    Array.from({length: heads}, (_, head) => seen(stage, head))),
  mean: net.config.num_heads.map((_, stage) => seen(stage, null)),
}));
"""


@pytest.fixture
def model(trained):
    trained.task = Task(
        classes=list("abcde"), mean=(100, 110, 120), std=(50, 60, 70)
    )
    return trained


def test_what_is_packed_is_unpacked_in_half_precision(model):
    state = model.state_dict()
    got = page_model.unpack(page_model.pack(model), model)
    assert got.keys() == state.keys()
    for name, value in state.items():
        expected = value.half().float() if value.is_floating_point() else value
        assert torch.equal(got[name], expected), name


def test_packing_refuses_what_half_precision_does_not_hold(model):
    model.decoder.norm.running_var[0] = 1e5
    with pytest.raises(ValueError, match="running_var: a value does not fit"):
        page_model.pack(model)


def test_packing_refuses_a_model_without_a_task(trained):
    with pytest.raises(ValueError, match="neither classes nor normalisation"):
        page_model.pack(trained)


def test_the_page_has_the_classes_and_the_colours_of_the_task():
    text = page_model.text(ROOT)
    content = json.loads(text.removeprefix("window.SEGFORMER = ")[:-2])
    path = ROOT / page_model.WEIGHTS
    task = read_task(path)
    assert content["classes"] == list(task.classes)
    assert content["palette"] == [list(color) for color in task.palette]
    assert content["packed"]["mean"] == list(task.mean)
    assert content["packed"]["std"] == list(task.std)
    sizes = dict(content["packed"]["names"])
    count = sum(p.numel() for p in load_model(path).parameters())
    buffers = sum(sizes[f"decoder.norm.running_{x}"] for x in ("mean", "var"))
    assert sum(sizes.values()) == count + buffers
    assert len(content["scenes"]) == 6
    assert len(text) < 3_000_000


@pytest.fixture(scope="module")
def painted():
    """Paint an area in the six scenes, and yield the shares of its labels."""
    model = load_model(ROOT / page_model.WEIGHTS).eval()
    folder = ROOT / "data/scenes/images/test"
    pictures = [read_image(folder / f"{n}.jpg") for n in page_model.SCENES]

    def paint(color, noise, area):
        for picture in pictures:
            image = picture.float()
            shift = noise * (2 * torch.rand(int(area.sum())) - 1)
            image[:, area] = torch.tensor(color)[:, None] + shift
            with torch.no_grad():
                logits = model(normalize(image / 255)[None])
            inside = labels_from_logits(logits, image.shape[1:])[0, area]
            shares = inside.bincount(minlength=12) / inside.numel()
            yield dict(zip(model.task.classes, shares.tolist(), strict=True))

    return paint


GRASS, ROAD, SKY = (
    ((92, 122, 58), 16),
    ((118, 116, 116), 8),
    ((158, 190, 226), 3),
)


def strip(rows, columns):
    area = torch.zeros(256, 384, dtype=torch.bool)
    area[slice(*rows), slice(*columns)] = True
    return area


def dab(row, column):
    """What the brush of the page covers."""
    y, x = torch.arange(256)[:, None], torch.arange(384)
    return (y - row) ** 2 + (x - column) ** 2 <= 12**2


def test_what_the_page_says_of_painting(painted):
    ground = strip((205, 240), (60, 240))
    for shares in painted(*GRASS, ground):
        assert shares["grass"] > 0.7
    for shares in painted(*ROAD, strip((15, 45), (60, 180))):
        assert shares["building"] > 0.5
        assert shares["road"] == 0
    for shares in painted(*SKY, ground):
        assert shares["car"] > 0.5


def test_what_the_page_says_of_a_single_dab(painted):
    best = [
        max(shares, key=shares.get)
        for column in (100, 150, 250)
        for shares in painted(*GRASS, dab(222, column))
    ]
    assert 10 <= best.count("grass") <= 14
    assert {"person", "fence", "car", "road"} <= set(best)


# Sides that 32 divides, and sides that nothing divides.
@pytest.mark.parametrize("size", [(64, 96), (75, 118)])
def test_the_page_computes_what_the_model_computes(model, size, tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node; tools/page_model_check.py asks Chromium")
    model.load_state_dict(page_model.unpack(page_model.pack(model), model))
    height, width = size
    y, x = height - 5, width // 3
    rgba = torch.randint(256, (height, width, 4), dtype=torch.uint8)
    files = [ROOT / page_model.SCRIPTS / f for f in ("ops.js", "network.js")]
    script = tmp_path / "run.js"
    script.write_text(
        "\n".join(file.read_text(encoding="utf-8") for file in files) + RUN,
        encoding="utf-8",
    )
    job = {
        "packed": page_model.pack(model),
        "rgba": base64.b64encode(rgba.numpy().tobytes()).decode(),
        "height": height,
        "width": width,
        "pixel": [y, x],
    }
    done = subprocess.run(
        [node, str(script)],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        check=True,
    )
    got = json.loads(done.stdout)
    inputs = []
    for stage in model.encoder.stages:
        stage.blocks[-1].attn.register_forward_pre_hook(
            lambda _, args: inputs.append(args[0])
        )
    image = rgba[..., :3].permute(2, 0, 1).float()
    mean, std = (
        torch.tensor(v)[:, None, None]
        for v in (model.task.mean, model.task.std)
    )
    with torch.no_grad():
        expected = model(((image - mean) / std)[None])
    _, classes, h, w = expected.shape
    logits = torch.tensor(got["logits"]).reshape(h, w, classes)
    assert (logits.permute(2, 0, 1) - expected[0]).abs().max() < 1e-4
    labels = torch.tensor(got["labels"]).reshape(height, width)
    assert torch.equal(labels, labels_from_logits(expected, size)[0])
    full = torch.nn.functional.interpolate(expected, size, mode="bilinear")
    terms = torch.tensor(got["terms"])
    assert len(terms) == 5
    assert (terms.sum(0) - full[0, :, y, x]).abs().max() < 1e-4
    step = 1
    for i, (stage, tokens) in enumerate(
        zip(model.encoder.stages, inputs, strict=True)
    ):
        step *= model.config.strides[i]
        with torch.no_grad():
            q, k, _ = stage.blocks[-1].attn.project(tokens)
        scores = q @ k.mT / q.shape[-1] ** 0.5
        token = (y // step) * tokens.shape[2] + x // step
        rows = scores.softmax(-1)[0, :, token]
        assert (torch.tensor(got["seen"][i]) - rows).abs().max() < 1e-5
        assert (torch.tensor(got["mean"][i]) - rows.mean(0)).abs().max() < 1e-5
