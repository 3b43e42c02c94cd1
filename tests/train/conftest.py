"""What the tests of training share: data, settings, an undisturbed run."""

import shutil
import time

import pytest
import torch

pytest.importorskip("accelerate")
pytest.importorskip("torchvision")
import runs


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """As in the child processes: sums have one order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    return runs.draw_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def config(data, tmp_path):
    return runs.settings(data, tmp_path / "run")


@pytest.fixture(scope="session")
def whole(data, tmp_path_factory):
    """What the uninterrupted run ends with, and how long a run takes."""
    config = runs.settings(data, tmp_path_factory.mktemp("whole") / "run")
    runs.run(config)  # the first process waits for the server
    shutil.rmtree(config.output)
    start = time.perf_counter()
    assert runs.run(config)
    return time.perf_counter() - start, runs.ends(config)
