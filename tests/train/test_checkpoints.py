"""Nothing is lost: killed anywhere, a run ends the same."""

import os
import random
import shutil
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import runs
from runs import needs_signals, run

from segformer_tutorial.train import (
    TrainError,
    checkpoints,
    loop,
    newest_checkpoint,
    train,
)


def resumable(config) -> bool:
    return newest_checkpoint(Path(config.output)) is not None


@needs_signals
@pytest.mark.parametrize("workers", [0, 2])
def test_killed_at_random_moments(config, whole, workers):
    """Four times each; the moments differ from run to run, the end does not."""
    seconds, end = whole
    config = replace(config, workers=workers)
    moments, kills = random.SystemRandom(), 0
    while kills < 4:
        moment = moments.uniform(0.05, 0.9) * seconds
        if run(config, resume=resumable(config), kill_after=moment):
            shutil.rmtree(config.output)  # faster than we thought: once more
            seconds *= 0.8
        else:
            kills += 1
    assert run(config, resume=resumable(config))
    assert runs.ends(config) == end


def die_in_the_save_of(step: int) -> None:
    write_whole = checkpoints.write_whole

    def dying(path, content):
        if path.name == "state.json" and f".step-{step:07d}" in str(path):
            os.kill(os.getpid(), signal.SIGKILL)
        write_whole(path, content)

    checkpoints.write_whole = dying


@needs_signals
@pytest.mark.parametrize("step", [4, 8])
def test_killed_in_the_middle_of_a_save(config, whole, step):
    """Before the first row of metrics.csv, and after three."""
    assert not run(config, prepare=partial(die_in_the_save_of, step))
    before = f"step-{step - 2:07d}"
    assert runs.checkpoints(config) == [f".step-{step:07d}", before]
    assert run(config, resume=True)
    assert runs.ends(config) == whole[1]
    assert runs.checkpoints(config) == ["step-0000010"]


def die_before_the_state_of_step_6():
    def dying(output, state):
        os.kill(os.getpid(), signal.SIGKILL)

    loop.update_state = dying


@needs_signals
def test_killed_between_a_row_and_its_checkpoint(config, whole):
    """The row of step 6 is written anew, not twice."""
    assert not run(config, prepare=die_before_the_state_of_step_6)
    assert runs.rows(config)[-1]["step"] == "6"
    assert run(config, resume=True)
    assert runs.ends(config) == whole[1]


def limit_files():
    """From the second checkpoint on, no file may pass 20 kB."""
    import resource

    save, saves = loop.save_checkpoint, []

    def limited(*arguments):
        saves.append(1)
        if len(saves) == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        save(*arguments)

    loop.save_checkpoint = limited


@needs_signals
def test_full_disk_leaves_the_last_checkpoint(config, whole):
    assert not run(config, prepare=limit_files)
    error = runs.error_of(config)
    assert "step-0000004: not saved" in error and "File too large" in error
    assert "step-0000002 (--resume" in error
    assert runs.checkpoints(config) == ["step-0000002"]
    assert run(config, resume=True)
    assert runs.ends(config) == whole[1]


@needs_signals
def test_accumulation_resumes_too(config):
    config = replace(config, accumulation=2, batch_size=2)
    assert run(config)
    other = replace(config, output=config.output + "2")
    assert not run(other, prepare=partial(die_in_the_save_of, 4))
    assert run(other, resume=True)
    assert runs.ends(other) == runs.ends(config)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("tensors.pt", b"PK", "cannot be read"),
        ("state.json", b'{"step": 2}', "another version of this package"),
    ],
)
def test_a_checkpoint_that_cannot_be_read(config, name, content, words):
    config = replace(config, steps=1)
    train(config, progress=False)
    path = newest_checkpoint(Path(config.output))
    (path / name).write_bytes(content)
    with pytest.raises(TrainError, match=rf"step-0000001: .*{words}"):
        train(config, resume=True, progress=False)
