"""Files of other people: their wrappers, what they leave beside, and damage."""

import argparse
import builtins
import io
import os
import pickle
import re
import sys
import types
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from states import assert_same
from torch import nn
from torch.optim.swa_utils import AveragedModel

from segformer_tutorial.weights import (
    WeightsError,
    config_from_weights,
    load_model,
    load_weights,
    read_task,
    save_for_transformers,
    save_weights,
    to_layout,
)
from segformer_tutorial.weights.files import _read_pickle, _StandIn

pytest.importorskip("safetensors")
from safetensors.torch import save_file

# Prefixes


def with_prefix(prefix, state):
    return {prefix + name: x for name, x in state.items()}


@pytest.mark.parametrize(
    "prefix",
    [
        "module.",
        "_orig_mod.",
        "model.",
        "net.",
        "module._orig_mod.",
        "_orig_mod.module.",
        "model.module._orig_mod.",
        "_orig_mod._orig_mod.",
        "module.model.net.model.",
    ],
)
@pytest.mark.parametrize("layout", ["own", "official", "smp"])
def test_prefixes_of_wrappers_go(prefix, layout, trained, model):
    state = to_layout(trained.state_dict(), layout)
    report = load_weights(model, with_prefix(prefix, state))
    assert_same(model.state_dict(), trained.state_dict())
    assert (report.layout, report.dropped) == (layout, {})


def test_a_part_that_was_compiled(trained, model):
    """torch.compile marks the names of what it compiled, wherever that is."""
    state = {
        name.replace("encoder.", "encoder._orig_mod."): x
        for name, x in trained.state_dict().items()
    }
    load_weights(model, state)
    assert_same(model.state_dict(), trained.state_dict())


@pytest.mark.parametrize("wrap", [nn.DataParallel, AveragedModel])
def test_wrappers_of_torch(wrap, trained, model):
    report = load_weights(model, wrap(trained).state_dict())
    assert_same(model.state_dict(), trained.state_dict())
    reasons = {"n_averaged": "the number of averaged weights"}
    assert report.dropped == (reasons if wrap is AveragedModel else {})


def test_a_wrapped_model_is_filled(trained, model):
    load_weights(nn.DataParallel(model), trained.state_dict())
    assert_same(model.state_dict(), trained.state_dict())


def test_a_prefix_of_some_names_stays(trained, model, unchanged):
    unchanged(model)
    state = {
        **with_prefix("model.", trained.state_dict()),
        "loss.weight": torch.ones(5),
    }
    with pytest.raises(WeightsError, match="not a SegFormer in a known layout"):
        load_weights(model, state)


def test_prefixes_that_hide_two_tensors_stay(trained, model, unchanged):
    unchanged(model)
    state = trained.state_dict()
    state["decoder._orig_mod.norm.bias"] = torch.zeros(20)
    with pytest.raises(WeightsError, match=r"unexpected \(1\): decoder\._orig"):
        load_weights(model, state)


# Nested dicts


@pytest.mark.parametrize(
    "path",
    [
        "state_dict",
        "model_state_dict",
        "model",
        "module",
        "net",
        "params",
        "ema",
        "model_ema",
        "state_dict_ema",
        "ema_state_dict",
        "params_ema",
        "model.state_dict",
        "state_dict.model.module",
        "ema.module",
        "ema.state_dict",
    ],
)
def test_nested_dicts(path, trained, model):
    content = with_prefix("module.", trained.state_dict())
    for key in reversed(path.split(".")):
        content = {"epoch": 3, key: content, "name": "b0"}
    report = load_weights(model, content)
    assert_same(model.state_dict(), trained.state_dict())
    assert (report.part, report.other_parts) == (path, ())
    assert "taken" not in str(report)


@pytest.mark.parametrize(
    ("averaged", "plain"),
    [
        ("ema", "model"),
        ("state_dict_ema", "state_dict"),
        ("model_ema", "model_state_dict"),
        ("params_ema", "params"),
        ("ema.state_dict", "state_dict"),
    ],
)
@pytest.mark.parametrize("first", ["averaged", "plain"])
def test_averaged_weights_go_before_plain_ones(
    averaged, plain, first, trained, model, randomize, tmp_path
):
    other = randomize(type(trained)(trained.config), seed=3)
    key, *inner = averaged.split(".")
    state = trained.state_dict()
    pairs = [(key, {inner[0]: state} if inner else state)]
    pairs.append((plain, other.state_dict()))
    path = tmp_path / "run.pth"
    torch.save(dict(pairs if first == "averaged" else pairs[::-1]), path)
    report = load_weights(model, path)
    assert_same(model.state_dict(), trained.state_dict())
    assert (report.part, report.other_parts) == (averaged, (plain,))
    assert str(report).endswith(f"\ntaken: {averaged}, not {plain}")


def test_averaged_weights_that_do_not_fit_are_named(trained, model, unchanged):
    unchanged(model)
    part = dict(list(trained.state_dict().items())[:-1])
    both = {"ema": part, "model": trained.state_dict()}
    with pytest.raises(WeightsError, match=r"state dict \(ema\): does not fit"):
        load_weights(model, both)


def test_averages_of_another_kind_are_left(trained, model):
    """Some keep a list, and some nothing yet."""
    for ema in ({"decay": 0.9, "shadow": [torch.ones(1)]}, {}, None):
        source = {"ema": ema, "state_dict": trained.state_dict()}
        report = load_weights(model, source)
        assert (report.part, report.other_parts) == ("state_dict", ())
    assert_same(model.state_dict(), trained.state_dict())


def nested_in_itself():
    state = {}
    state["model"] = state
    return state


@pytest.mark.parametrize(
    ("state", "got"),
    [
        ({"a": 1}, "int for 'a'"),
        ({1: torch.zeros(1)}, "Tensor for 1"),
        ({"state_dict": {"a": [1]}}, "list for 'a'"),
        ({"a": torch.zeros(1), "epoch": 3}, "int for 'epoch'"),
        (nested_in_itself(), "dict"),
    ],
)
def test_a_dict_of_something_else_is_refused(state, got, model, unchanged):
    unchanged(model)
    message = re.escape(f"state dict: must hold tensors by name, got {got}")
    with pytest.raises(WeightsError, match=message):
        load_weights(model, state)


def test_not_a_dict(model, tmp_path):
    path = tmp_path / "list.pth"
    torch.save([torch.zeros(3)], path)
    with pytest.raises(WeightsError, match="by name, got list"):
        load_weights(model, path)


# Pickles

allows_names = pytest.mark.skipif(
    not hasattr(torch.serialization, "safe_globals"),
    reason="torch 2.4 cannot allow names in a pickle",
)


@pytest.mark.parametrize(
    "name", ["m.pth", "m.pt", "m.bin", "m.ckpt", "m.pth.tar"]
)
@pytest.mark.parametrize("zipped", [True, False])
def test_extensions(name, zipped, trained, model, tmp_path):
    state = {"state_dict": trained.state_dict()}
    options = {"_use_new_zipfile_serialization": zipped}
    torch.save(state, tmp_path / name, **options)
    load_weights(model, tmp_path / name)
    assert_same(model.state_dict(), trained.state_dict())


def optimizer_state(model):
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.randn(1, 3, 64, 64)).sum().backward()
    optimizer.step()
    return optimizer.state_dict()


@pytest.mark.parametrize(
    "beside",
    [
        lambda model: np.float64(0.5),
        lambda model: np.arange(6.0).reshape(2, 3),
        lambda model: np.array(["wall", None], dtype=object),
        lambda model: np.dtype("float32"),
        lambda model: np.random.RandomState(0).get_state(),
        lambda model: argparse.Namespace(lr=1e-3, arch="b0"),
        lambda model: Path("runs/b0"),
        lambda model: [{"best": (np.float32(1), Path("a"))}],
        optimizer_state,
    ],
    ids=[
        "scalar",
        "array",
        "objects",
        "dtype",
        "random",
        "namespace",
        "path",
        "nested",
        "optimizer",
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
@allows_names
def test_harmless_objects_beside_the_weights(
    beside, zipped, trained, model, tmp_path
):
    content = {"beside": beside(trained), "state_dict": trained.state_dict()}
    options = {"_use_new_zipfile_serialization": zipped}
    torch.save(content, tmp_path / "run.pth", **options)
    allowed = set(torch.serialization.get_safe_globals())
    report = load_weights(model, tmp_path / "run.pth")
    assert_same(model.state_dict(), trained.state_dict())
    assert report.part == "state_dict"
    assert set(torch.serialization.get_safe_globals()) == allowed


@allows_names
def test_old_numpy_has_other_names(trained, model, tmp_path):
    """Files from before NumPy 2 name its modules without an underscore."""
    path = tmp_path / "run.pth"
    content = {"best": np.float64(0.5), "state_dict": trained.state_dict()}
    torch.save(content, path, _use_new_zipfile_serialization=False)
    old = path.read_bytes().replace(b"numpy._core.", b"numpy.core.")
    path.write_bytes(old)
    load_weights(model, path)
    assert_same(model.state_dict(), trained.state_dict())


@allows_names
def test_nothing_of_numpy_is_called(tmp_path):
    """NumPy's classes can be given a state that corrupts the memory."""
    path = tmp_path / "run.pth"
    content = {"a": np.arange(3), "model": {"x": torch.ones(1)}}
    torch.save(content, path)
    found = _read_pickle(path)
    assert isinstance(found["a"], _StandIn)
    assert vars(found["a"]) == {}


@allows_names
def test_arrays_for_weights_are_refused(model, tmp_path):
    torch.save({"model": {"a": np.arange(3)}}, tmp_path / "run.pth")
    with pytest.raises(WeightsError, match="got an object of numpy for 'a'"):
        load_weights(model, tmp_path / "run.pth")


def test_torch_that_cannot_allow_names(trained, model, tmp_path, monkeypatch):
    """torch 2.4: such a file is refused, and the reason named."""
    monkeypatch.delattr(torch.serialization, "safe_globals", raising=False)
    torch.save({"best": np.float64(1), "model": {}}, tmp_path / "run.pth")
    with pytest.raises(WeightsError, match=r"it holds numpy\..*\.scalar"):
        load_weights(model, tmp_path / "run.pth")
    torch.save(trained.state_dict(), tmp_path / "plain.pth")
    load_weights(model, tmp_path / "plain.pth")
    assert_same(model.state_dict(), trained.state_dict())


def test_another_class_is_named_with_a_way_out(
    trained, model, tmp_path, monkeypatch, unchanged
):
    library = types.ModuleType("somelib.config")
    library.Config = type("Config", (), {"__module__": "somelib.config"})
    monkeypatch.setitem(sys.modules, "somelib.config", library)
    monkeypatch.setitem(sys.modules, "somelib", types.ModuleType("somelib"))
    path = tmp_path / "run.ckpt"
    content = {"hyper": library.Config(), "state_dict": trained.state_dict()}
    torch.save(content, path)
    watched = type(model)(model.config)
    unchanged(watched)
    with pytest.raises(WeightsError) as error:
        load_weights(watched, path)
    text = str(error.value)
    assert (
        f"{path}: refused: beside tensors it holds somelib.config.Config"
        in text
    )

    # The way out that the message names.
    assert "torch.load(path, weights_only=False)" in text
    assert "safetensors.torch.save_file" in text
    state = torch.load(path, weights_only=False)["state_dict"]
    save_file(state, tmp_path / "run.safetensors")
    load_weights(model, tmp_path / "run.safetensors")
    assert_same(model.state_dict(), trained.state_dict())


class Malicious:
    def __init__(self, function, *args):
        self.reduced = function, args

    def __reduce__(self):
        return self.reduced


@pytest.mark.parametrize("save", [torch.save, "pickle"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_code_in_a_pickle_is_not_run(
    save, wrapped, trained, model, tmp_path, unchanged
):
    proof = tmp_path / "proof"
    evil = Malicious(os.mkdir, str(proof))
    path = tmp_path / "evil.pth"
    if save == "pickle":
        path.write_bytes(pickle.dumps(evil, 2))
    elif wrapped:
        save({"state_dict": trained.state_dict(), "meta": evil}, path)
    else:
        save({**trained.state_dict(), "evil": evil}, path)
    unchanged(model)
    with pytest.raises(WeightsError, match=r"refused.*\.mkdir") as error:
        load_weights(model, path)
    assert str(path) in str(error.value)
    assert "weights_only" not in str(error.value)  # torch says to turn it off
    assert isinstance(error.value.__cause__, pickle.UnpicklingError)
    assert not proof.exists()
    if save == "pickle":  # the test's own pickle does what it is for
        pickle.loads(path.read_bytes())
        assert proof.exists()


@pytest.mark.parametrize(
    ("evil", "name"),
    [
        (Malicious(eval, "print('run')"), "builtins.eval"),
        (Malicious(exec, "print('run')"), "builtins.exec"),
        (Malicious(getattr, "a", "upper"), "builtins.getattr"),
        (Malicious(os.system, "echo run"), f"{os.system.__module__}.system"),
        (Malicious(torch.load, "other.pth"), "torch.serialization.load"),
        (Malicious(np.fromfile, "other"), "fromfile"),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_hostile_pickles_are_refused(
    evil, name, model, tmp_path, capfd, unchanged
):
    torch.save({"a": evil, "b": np.float64(1)}, tmp_path / "evil.pth")
    unchanged(model)
    with pytest.raises(WeightsError, match=f"refused.*{re.escape(name)}"):
        load_weights(model, tmp_path / "evil.pth")
    assert "run" not in capfd.readouterr().out


# Damage


def zip_of(model):
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    return file.getvalue()


def no_pickle(model):
    """A whole zip file without a pickle in it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", b"no pickle")
        archive.writestr("archive/version", b"3")
    return file.getvalue()


def too_large(model):
    """A pickle that asks for an exabyte."""
    number = (10**18).to_bytes(8, "little")
    return b"\x80\x02cbuiltins\nbytearray\n\x8a\x08" + number + b"\x85R."


def header(size, text=b"{}"):
    return lambda model: size.to_bytes(8, "little") + text


OVERLAP = (
    b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},'
    b'"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}'
)
BEYOND = b'{"a":{"dtype":"F32","shape":[1000000],"data_offsets":[0,4000000]}}'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cut.pth", lambda m: zip_of(m)[:2000]),
        ("half.bin", lambda m: zip_of(m)[: len(zip_of(m)) // 2]),
        ("last.pt", lambda m: zip_of(m)[:-1]),
        ("odd.pt", no_pickle),
        ("large.pth", too_large),
        ("text.pth", lambda m: b"not a pickle at all"),
        ("text.safetensors", lambda m: b"not a header at all"),
        ("short.safetensors", lambda m: b"1"),
        ("pickle.safetensors", zip_of),
        ("gigabyte.safetensors", header(1 << 30)),
        ("endless.safetensors", header((1 << 64) - 1)),
        ("json.safetensors", header(2, b"[]")),
        ("overlap.safetensors", header(len(OVERLAP), OVERLAP + bytes(12))),
        ("beyond.safetensors", header(len(BEYOND), BEYOND)),
    ],
)
@pytest.mark.parametrize("use", ["load_weights", "load_model", "config"])
def test_damaged_files(use, name, content, trained, model, tmp_path, unchanged):
    path = tmp_path / name
    path.write_bytes(content(trained))
    unchanged(model)
    with pytest.raises(WeightsError, match="damaged") as error:
        {
            "load_weights": lambda: load_weights(model, path),
            "load_model": lambda: load_model(path),
            "config": lambda: config_from_weights(path),
        }[use]()
    assert str(error.value).startswith(f"{path}: ")
    assert error.value.__cause__ is not None


@pytest.mark.parametrize("missing", [1, 100, 100_000])
def test_truncated_safetensors(missing, trained, model, tmp_path, unchanged):
    path = tmp_path / "model.safetensors"
    save_weights(trained, path)
    path.write_bytes(path.read_bytes()[:-missing])
    unchanged(model)
    for use in (lambda p: load_weights(model, p), load_model, read_task):
        with pytest.raises(WeightsError, match="damaged"):
            use(path)


USES = {
    "load_weights": lambda path: load_weights(None, path),
    "load_model": load_model,
    "read_task": read_task,
    "config_from_weights": config_from_weights,
}


@pytest.mark.parametrize("use", USES)
def test_files_that_are_not_there(use, tmp_path):
    folder = tmp_path / "folder.pth"
    folder.mkdir()
    empty = tmp_path / "empty.safetensors"
    empty.touch()
    other = tmp_path / "model.onnx"
    other.write_bytes(b"1")
    inside = tmp_path / "model.onnx" / "model.pth"
    for path, reason in [
        (tmp_path / "none.pth", "No such file"),
        (folder, "is a folder"),
        (empty, "is empty"),
        (inside, "Not a directory|No such file"),
        (other, "must end in .safetensors, .pth, .pt, .bin, .ckpt, .pth.tar"),
    ]:
        with pytest.raises(WeightsError, match=re.escape(f"{path}: ")) as error:
            USES[use](path)
        assert re.search(reason, str(error.value))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
@pytest.mark.parametrize("use", USES)
def test_a_pipe_is_not_waited_for(use, tmp_path):
    os.mkfifo(tmp_path / "pipe.pth")
    with pytest.raises(WeightsError, match="is not a regular file"):
        USES[use](tmp_path / "pipe.pth")


@pytest.mark.parametrize("use", USES)
def test_permission_denied(use, trained, tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    save_weights(trained, path)

    def denied(file, *args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(builtins, "open", denied)
    with pytest.raises(WeightsError, match="Permission denied") as error:
        USES[use](path)
    assert isinstance(error.value.__cause__, PermissionError)


def test_without_safetensors(trained, model, tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    save_weights(trained, path)
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    for use in (lambda path: save_weights(trained, path), *USES.values()):
        with pytest.raises(ImportError, match="pip install safetensors"):
            use(path)
    load_weights(model, trained.state_dict())  # needs no extra


def test_saving_without_numpy(trained, tmp_path, monkeypatch):
    """safetensors needs it to write, and would not say how to get it."""
    monkeypatch.setitem(sys.modules, "numpy", None)
    for save in (save_weights, save_for_transformers):
        with pytest.raises(ImportError, match="needs numpy: pip install"):
            save(trained, tmp_path / "model.safetensors")
    assert os.listdir(tmp_path) == []
