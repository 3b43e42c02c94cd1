"""No run is overwritten, and none goes on as another one."""

import json
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import runs
from runs import needs_signals, run

from segformer_tutorial.data import DataError
from segformer_tutorial.train import TrainError, parse, train
from segformer_tutorial.train.__main__ import main


def test_a_run_is_not_overwritten(config):
    config = replace(config, steps=1)
    train(config, progress=False)
    with pytest.raises(TrainError, match=r"holds a run already.*--resume"):
        train(config, progress=False)
    assert train(config, resume=True, progress=False)["step"] == 1
    shutil.rmtree(f"{config.output}/checkpoints")
    with pytest.raises(TrainError, match=r"the weights .* best\.safetensors"):
        train(config, progress=False)


def test_a_run_without_a_checkpoint_can_be_started_again(config, data):
    """Also with other settings: the first ones may have been the fault."""
    broken = Path(config.output).with_name("broken")
    shutil.copytree(data, broken)
    picture = broken / "images/train/3.png"
    picture.write_bytes(picture.read_bytes()[:100])
    config = replace(config, data=str(broken), log_every=1, batch_size=1)
    with pytest.raises(DataError, match=r"3\.png: cannot be read"):
        train(config, progress=False)
    assert runs.checkpoints(config) == []
    with pytest.raises(TrainError, match="no checkpoint to resume from"):
        train(config, resume=True, progress=False)
    config = replace(config, data=str(data), batch_size=2, steps=1)
    assert train(config, progress=False)["step"] == 1


def test_what_a_killed_run_left_half_written_is_removed(config):
    folder = Path(config.output)
    folder.mkdir()
    left, other = folder / f".{'0a' * 16}.tmp", folder / ".notes.tmp"
    for path in (left, other):
        path.touch()
    train(replace(config, steps=1), progress=False)
    assert other.exists() and not left.exists()


def test_metrics_without_a_checkpoint_are_kept(config, capsys):
    """As in the recorded runs, which are stored without checkpoints."""
    folder = Path(config.output)
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    text = "step,loss\n1,0.5\n"
    for number in (1, 2):
        (folder / "metrics.csv").write_text(text)
        train(replace(config, steps=1), progress=False)
        kept = f"metrics-{number}.csv"
        assert (folder / kept).read_text() == text
        assert f"kept as {kept}" in capsys.readouterr().out
        for name in ("best", "last"):
            (folder / f"{name}.safetensors").unlink()
        shutil.rmtree(folder / "checkpoints")


def test_the_command_resumes_from_the_folder(config):
    config = replace(config, steps=2)
    train(config, progress=False)
    assert main(["--resume", config.output]) == 0
    again = parse(["--resume", config.output])[0]
    assert again == replace(config, model=again.model)


def test_resuming_says_where(config, capsys):
    config = replace(config, steps=2)
    train(config, progress=False)
    train(replace(config, steps=4), resume=True, progress=False)
    out = capsys.readouterr().out
    assert "resumed after step 2 of 4: " in out and "step-0000002" in out


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"lr": 5.0}, "lr was 0.001 and cannot become 5.0"),
        ({"mean": (1.0,) * 3}, r"mean was \[123.675.* become \[1.0, 1.0"),
        ({"model": "b0"}, "model was {'dims'.* become 'b0'"),
    ],
)
def test_settings_do_not_change_in_the_middle(config, changes, words):
    config = replace(config, steps=1)
    train(config, progress=False)
    with pytest.raises(TrainError, match=words):
        train(replace(config, **changes), resume=True, progress=False)


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        ("red\ndark\n", "class 0 is 'dark' in the run and 'red' in the data"),
        ("dark\nblue\n", "class 1 is 'red' in the run and 'blue' in"),
        ("dark\nred\nx\n", "the run has 2 classes, the data has 3"),
    ],
)
def test_other_classes_do_not_take_the_places(config, data, classes, words):
    """Right numbers would stand under wrong names."""
    own = Path(config.output).with_name("own")
    shutil.copytree(data, own)
    config = replace(config, data=str(own), steps=1)
    train(config, progress=False)
    (own / "classes.txt").write_text(classes)
    with pytest.raises(TrainError, match=words):
        train(config, resume=True, progress=False)


def test_splits_must_have_the_same_classes(config, monkeypatch):
    from segformer_tutorial.train import samples

    read = samples.read

    def read_with_another(dataset, root, split, **options):
        found = read(dataset, root, split, **options)
        if split == "val":
            found.classes = ("dark", "blue")
        return found

    monkeypatch.setattr(samples, "read", read_with_another)
    words = "class 1 is 'red' in train and 'blue' in val"
    with pytest.raises(TrainError, match=words):
        train(config, progress=False)


def terminate_in_step_4():
    runs.at_step(4, lambda: os.kill(os.getpid(), signal.SIGTERM))


@needs_signals
def test_a_run_goes_on_in_another_place(config, whole, data):
    """The folders of run and data may move, and the reading may change."""
    assert not run(config, prepare=terminate_in_step_4)
    moved = Path(config.output).with_name("moved")
    shutil.move(config.output, moved)
    copied = moved.with_name("copied")
    shutil.copytree(data, copied)
    config = replace(config, output=str(moved), data=str(copied), workers=1)
    assert run(config, resume=True)
    assert runs.ends(config) == whole[1]
    written = json.loads((moved / "config.json").read_text())
    assert written["data"] == str(copied)
