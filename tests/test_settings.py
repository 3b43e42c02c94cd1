"""Settings are checked where they come from, and errors are one line."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest

from segformer_tutorial.data import MEAN, STD
from segformer_tutorial.train import TrainConfig, TrainError, model_config
from segformer_tutorial.train import parse as parse_line
from segformer_tutorial.train.__main__ import main
from segformer_tutorial.train.settings import AUGMENT, read_config

ROOT = Path(__file__).resolve().parents[1]
RECORDED = sorted((ROOT / "data" / "runs").glob("*/config.json"))


def parse(line: str) -> TrainConfig:
    config, resume = parse_line(shlex.split(line))
    assert not resume
    return config


@pytest.fixture
def file(tmp_path):
    """Write settings to a JSON file and return its path."""

    def write(content) -> str:
        path = tmp_path / "config.json"
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


WRONG = [
    ({"lr": "1e-3"}, "lr must be a number, got '1e-3'"),
    ({"lr": None}, "lr must be a number, got None"),
    ({"lr": True}, "lr must be a number, got True"),
    ({"lr": 0}, "lr must be greater than 0, got 0"),
    ({"lr": -1.0}, "lr must be greater than 0, got -1.0"),
    ({"lr": float("inf")}, "lr must be finite, got inf"),
    ({"weight_decay": float("nan")}, "weight_decay must be finite, got nan"),
    ({"weight_decay": -1}, "weight_decay must be at least 0, got -1"),
    ({"power": -1}, "power must be at least 0, got -1"),
    ({"workers": -1}, "workers must be at least 0, got -1"),
    ({"warmup": "x"}, "warmup must be a whole number or none, got 'x'"),
    ({"warmup": True}, "warmup must be a whole number or none, got True"),
    ({"warmup": -1}, "warmup must be at least 0, got -1"),
    ({"steps": 0}, "steps must be at least 1, got 0"),
    ({"steps": 1.5}, "steps must be a whole number, got 1.5"),
    ({"steps": True}, "steps must be a whole number, got True"),
    ({"steps": None}, "steps must be a whole number, got None"),
    ({"seed": "0"}, "seed must be a whole number, got '0'"),
    ({"short_side": 0}, "short_side must be at least 1, got 0"),
    ({"short_side": "64"}, "short_side must be a whole number or none"),
    ({"data": 3}, "data must be a string, got 3"),
    ({"precision": "fp8"}, "precision must be one of no, fp16, bf16, got"),
    ({"dataset": "coco"}, "dataset must be one of folder, voc, pet, citysc"),
    ({"loss": "hinge"}, "loss must be one of cross-entropy, focal, dice, cr"),
    ({"freeze_encoder": 1}, "freeze_encoder must be true or false, got 1"),
    ({"augment": ["flip"]}, r"augment must be a string, got \['flip'\]"),
    ({"augment": "flip,color"}, "got 'color'; did you mean colour?"),
    ({"augment": "none,flip"}, "augment must be of scale, .*, or none, got"),
    ({"mean": "1,2,3"}, "mean must be a list of numbers or none, got '1,2"),
    ({"mean": [1, "2", 3]}, "mean must be a list of numbers or none, got"),
    ({"mean": [1, True, 3]}, "mean must be a list of numbers or none, got"),
    ({"mean": [1, 2]}, "one number for each of 3 channels, got \\(1, 2\\)"),
    ({"std": []}, "std must have one number for each of 3 channels, got"),
    ({"std": [1, 0, 1]}, "std must be greater than 0, got"),
    ({"channels": 0}, "channels must be at least 1, got 0"),
    ({"class_weights": "ballanced"}, "class_weights .*'balanced', got 'ball"),
    ({"class_weights": [1, -1]}, "class_weights must be at least 0, got"),
    ({"class_weights": [0, 0]}, "class_weights .* not all zero"),
    (
        {"class_weights": "balanced", "loss": "dice"},
        "class_weights go with the losses cross-entropy and focal, got .*dice",
    ),
    ({"save_minutes": 0}, "save_minutes must be greater than 0, got 0"),
    ({"patience": 0}, "patience must be at least 1, got 0"),
    ({"eval_stride": 3}, "a stride of 3 and a window of None"),
    ({"eval_stride": 9, "eval_window": 8}, "a stride of 9 and a window of 8"),
    ({"dataset": "voc"}, "data must be the folder of the data set voc, got"),
    ({"init_encoder_only": True}, "init_encoder_only needs init, got none"),
    ({"model": "b9"}, "model must be one of b0, b1, .*, got 'b9'"),
    ({"model": 3}, "model must be a string or an object, got 3"),
    ({"model": {"preset": ["b0"]}}, r"model must be one of .* got \['b0'\]"),
    ({"model": {"width": 3}}, "unknown width; known are decoder_dim"),
    ({"model": {"decoder_dims": 3}}, "did you mean decoder_dim?"),
    ({"model": {"num_classes": 3}}, "model: unknown num_classes"),
    ({"model": {"dims": 3}}, "dims must be a list of whole numbers, got 3"),
    ({"model": {"drop_path": "x"}}, "drop_path must be a number, got 'x'"),
    ({"model": {"drop_path": 2}}, r"model: drop_path must lie in \[0, 1\)"),
    (
        {"steps": 100, "warmup": 100},
        "warmup must be smaller than steps, got a warm-up of 100 in 100 steps"
        ".*a tenth of the steps would be 10",
    ),
]


@pytest.mark.parametrize(("values", "words"), WRONG)
def test_wrong_settings(values, words, file, capsys):
    """In Python, and in a file, which is then named."""
    with pytest.raises(TrainError, match=words):
        TrainConfig(**values)
    path = file(values)
    assert main(["--config", path]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {path}: ") and re.search(words, line)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "must hold an object with settings, got list"),
        ('"b0"', "must hold an object with settings, got str"),
        ("{", "is not JSON: Expecting"),
        ('{"speed": 3}', "unknown speed"),
        ('{"batch-size": 3}', "unknown batch-size; did you mean batch_size?"),
        ('{"lr": NaN}', "lr must be finite, got nan"),
    ],
)
def test_wrong_files(text, words, file, capsys):
    path = file(text)
    assert main(["--config", path]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {path}: {words}")


def test_files_that_cannot_be_read(tmp_path, capsys):
    for path in (tmp_path / "nowhere.json", tmp_path):
        assert main(["--config", str(path)]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"error: {path}: cannot be read: ")
    (tmp_path / "latin.json").write_bytes(b'{"data": "\xe4"}')
    assert main(["--config", str(tmp_path / "latin.json")]) == 1
    assert "latin.json: is not JSON" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--batchsize 8", "unknown --batchsize; did you mean --batch-size?"),
        ("--batch_size=8", "unknown --batch_size=8; did you mean --batch-si"),
        ("--step 8", "unknown --step; did you mean --steps?"),
        ("scenes", "unknown scenes"),
        ("--lr fast", "--lr: expected a number, got 'fast'"),
        ("--steps 1e3", "--steps: expected a whole number, got '1e3'"),
        ("--short-side x", "expected a whole number or none, got 'x'"),
        ("--mean 1,x,3", "expected a list of numbers or none, got '1,x,3'"),
        ("--steps none", "--steps: expected a whole number, got 'none'"),
        ("--precision fp8", "invalid choice: 'fp8'"),
        ("--resume runs/x --lr 1", "leave out --lr"),
        ("--resume runs/x --config x --eval-every 3", "--config, --eval-every"),
    ],
)
def test_command_lines_that_cannot_be_read(line, words, capsys):
    with pytest.raises(SystemExit) as error:
        main(line.split())
    assert error.value.code == 2
    assert words in capsys.readouterr().err


def test_a_wrong_flag_is_not_blamed_on_the_file(file, capsys):
    path = file({"warmup": 50})
    assert main(["--config", path, "--short-side", "0"]) == 1
    assert capsys.readouterr().err.startswith("error: short_side must be")
    assert main(["--config", path, "--steps", "30"]) == 1
    assert capsys.readouterr().err.startswith(f"error: {path}: warmup must")


def test_flags(file):
    config = parse(
        "--data mine --short-side 64 --mean 1,2,3 --std 4,5.5,6 --lr 1e-3 "
        "--class-weights 1,2.5 --freeze-encoder --init x --augment none "
        "--save-minutes none --patience 3"
    )
    assert config == TrainConfig(
        data="mine",
        short_side=64,
        mean=(1.0, 2.0, 3.0),
        std=(4.0, 5.5, 6.0),
        lr=1e-3,
        class_weights=(1.0, 2.5),
        freeze_encoder=True,
        init="x",
        augment="",
        save_minutes=None,
        patience=3,
    )
    assert parse("--data x --class-weights balanced").class_weights == (
        "balanced"
    )
    path = file({"short_side": 64, "init": "x", "freeze_encoder": True})
    config = parse(f"--config {path} --short-side none --no-freeze-encoder")
    assert config.short_side is None and not config.freeze_encoder


def test_every_field_has_a_flag_and_help(capsys):
    with pytest.raises(SystemExit) as error:
        main(["--help"])
    assert error.value.code == 0
    text = capsys.readouterr().out
    for known in fields(TrainConfig):
        flag = "--" + known.name.replace("_", "-")
        assert re.search(rf"^  {flag}\b", text, re.MULTILINE)
        assert len(known.metadata["help"]) > 9
    for group in ("data", "model", "optimisation", "machine"):
        assert f"\n{group}:\n" in text
    assert "(default: 160000)" in text


def test_help_without_the_extras():
    """Nothing but torch and einops is there; training says what is missing."""
    code = (
        "import sys\n"
        "for name in ('PIL', 'accelerate', 'safetensors', 'torchvision', "
        "'tqdm'):\n"
        "    sys.modules[name] = None\n"
        "from segformer_tutorial.train.__main__ import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    command = [sys.executable, "-c", code]
    found = subprocess.run([*command, "--help"], capture_output=True, text=True)
    assert found.returncode == 0 and not found.stderr
    assert "voc|pet|cityscapes" in found.stdout
    assert '".[train]"' in found.stdout
    found = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert found.returncode == 1
    (line,) = found.stderr.splitlines()
    assert line.startswith("error: training needs") and "[train]" in line


def test_augmentations_are_those_of_the_transforms():
    transforms = pytest.importorskip("segformer_tutorial.data.transforms")
    assert (
        AUGMENT
        == transforms.AUGMENT
        == (tuple(TrainConfig().augment.split(",")))
    )
    assert TrainConfig(augment=" scale, flip").augment == "scale,flip"
    assert TrainConfig(augment="none").augment == ""


def test_none_stands_for_numbers():
    assert TrainConfig().warmup == 1500
    assert TrainConfig(steps=2000).warmup == 200
    assert TrainConfig(steps=1).warmup == 0
    assert (TrainConfig().mean, TrainConfig().std) == (MEAN, STD)
    four = TrainConfig(channels=4)
    assert four.mean == (127.5,) * 4 and four.std == (57.5,) * 4
    with pytest.raises(TrainError, match="each of 4 channels"):
        TrainConfig(channels=4, mean=MEAN)


def test_json_gives_back_the_config(file):
    config = TrainConfig(
        channels=4,
        std=[1, 2.5, 3, 4],
        class_weights=[1, 2],
        steps=50,
        model={"dims": [8, 16, 24, 32], "num_heads": [1, 2, 3, 4]},
    )
    again = TrainConfig(**read_config(Path(file(asdict(config)))))
    assert again == config and again.std == (1, 2.5, 3, 4)


def test_models():
    assert model_config("b2", 7).depths == (3, 4, 6, 3)
    assert model_config("b2", 7).num_classes == 7
    small = model_config({"preset": "b1", "decoder_dim": 64}, 3)
    assert small.dims[0] == 64 and small.decoder_dim == 64
    assert model_config("b0", 7, channels=4).in_channels == 4


def test_without_data_it_trains_on_the_scenes():
    """The settings of the recorded run, which the README shows."""
    config = parse("")
    recorded = read_config(ROOT / "data" / "runs" / "b0" / "config.json")
    changes = {"output": "runs/scenes", "workers": config.workers}
    assert config == TrainConfig(**recorded | changes)
    assert parse("--lr 1") == replace(config, lr=1.0)
    assert parse("--data x") == TrainConfig(data="x")
    assert parse("--data x --dataset voc").steps == 160_000


def test_without_a_clone_the_message_says_where_the_scenes_are(
    tmp_path, monkeypatch, capsys
):
    def data_folder():
        raise FileNotFoundError("get it with `git clone`")

    monkeypatch.setattr(
        "segformer_tutorial.train.command.data_folder", data_folder
    )
    assert main([]) == 1
    assert capsys.readouterr().err == "error: get it with `git clone`\n"
    assert parse("--data x").data == "x"


@pytest.mark.parametrize("name", ["ade20k", "cityscapes"])
def test_official_recipes(name):
    """What differs from the defaults is the data, its sizes and the init.

    Source: NVlabs/SegFormer, local_configs/segformer/B0, the files
    segformer.b0.512x512.ade.160k.py and segformer.b0.1024x1024.city.160k.py.
    """
    config = parse(f"--config {ROOT / 'configs' / name}.json --data x")
    assert config.dataset == name and config.init.startswith("nvidia/mit-b")
    official = TrainConfig()
    for field in ("steps", "lr", "head_lr_factor", "weight_decay", "warmup"):
        assert getattr(config, field) == getattr(official, field)
    assert config.batch_size == {"ade20k": 16, "cityscapes": 8}[name]
    assert config.crop_size == {"ade20k": 512, "cityscapes": 1024}[name]
    assert config.eval_every == {"ade20k": 16_000, "cityscapes": 4000}[name]
    assert config.save_every == 4000
    tested = (config.short_side, config.eval_window, config.eval_stride)
    none = TrainConfig()
    assert (
        tested
        == {
            "ade20k": (512, none.eval_window, none.eval_stride),
            "cityscapes": (none.short_side, 1024, 768),
        }[name]
    )
    with pytest.raises(TrainError, match=rf"{name}\.json: data must be"):
        parse(f"--config {ROOT / 'configs' / name}.json")


def test_written_commands(tmp_path, monkeypatch):
    """Each one can be read where the runs before it have been made."""
    pages = (ROOT / "README.md", ROOT / "book" / "commands.md")
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    blocks = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    lines += re.findall(
        r"`([^`\n]* -m segformer_tutorial\.train [^`\n]*)`", text
    )
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    monkeypatch.chdir(tmp_path)
    count = 0
    for line in lines:
        found = re.search(r"-m segformer_tutorial\.train\b(.*)", line)
        if found is None or "..." in line:
            continue
        arguments = shlex.split(found[1], comments=True)
        count += 1
        config, _ = parse_line(arguments)
        folder = Path(config.output)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(asdict(config)))
    assert count >= 8


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.parent.name)
def test_recorded_runs_are_still_read(path, tmp_path):
    """Settings that are newer than they are take their defaults."""
    shutil.copy(path, tmp_path)
    config, resume = parse_line(["--resume", str(tmp_path)])
    recorded = json.loads(path.read_text())
    for name, value in recorded.items():
        if name != "output":
            assert getattr(config, name) == value
    assert resume and config.output == str(tmp_path)
    assert config.loss == "cross-entropy" and config.mean == MEAN


def test_resume_with_more_steps(file, capsys):
    """The warm-up stays as it was."""
    run = Path(file({"steps": 100})).parent
    before, resume = parse_line(["--resume", str(run)])
    assert resume and before == TrainConfig(steps=100, output=str(run))
    file(asdict(before))  # as a run writes it
    config, resume = parse_line(["--resume", str(run), "--steps", "300"])
    assert resume and config == replace(before, steps=300)
    assert config.warmup == 10
    assert main(["--resume", str(run / "nowhere")]) == 1
    assert "cannot be read" in capsys.readouterr().err
