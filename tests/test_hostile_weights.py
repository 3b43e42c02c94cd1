"""Files made to do harm: a clear error each, nothing run, little memory."""

import io
import json
import os
import pickle
import struct
import sys
import zipfile
import zlib

import pytest
import torch
from test_pretrained import CONFIG, NEW

from segformer_tutorial import SegFormer, SegFormerConfig
from segformer_tutorial.config import PER_STAGE
from segformer_tutorial.data import Task
from segformer_tutorial.weights import (
    WeightsError,
    config_from_weights,
    load_model,
    load_weights,
    read_task,
    save_weights,
    to_layout,
)

pytest.importorskip("safetensors")
from safetensors.torch import load_file, save, save_file

MODEL = SegFormer(
    SegFormerConfig(dims=(8,), **dict.fromkeys(PER_STAGE[1:], (1,)))
)
USES = (load_model, lambda path: load_weights(MODEL, path), config_from_weights)
LIMIT = 400 * 2**20  # beside what the imports and one tiny model take


@pytest.fixture(scope="module", autouse=True)
def little_memory():
    try:
        import resource
    except ImportError:  # Windows
        yield
        return

    def peak():
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

    before = peak()
    yield
    assert peak() - before < LIMIT


@pytest.fixture
def marker(tmp_path):
    """A file that must not be there in the end, whatever was read."""
    path = tmp_path / "harm"
    yield path
    assert not path.exists()


@pytest.fixture
def folder(trained, tmp_path):
    """A whole folder of transformers, to be spoiled."""
    path = tmp_path / "saved"
    path.mkdir()
    state = to_layout(trained.state_dict(), "transformers")
    save_file(state, path / "model.safetensors")
    (path / "config.json").write_text(json.dumps(CONFIG))
    (path / "preprocessor_config.json").write_text(json.dumps(NEW))
    return path


def refused(path, uses=USES, name=None):
    """Every function refuses the file: in few words that name it."""
    for use in uses:
        with pytest.raises(WeightsError) as error:
            use(path)
        text = str(error.value)
        assert str(name or path) in text
        assert len(text) < 2000 and text.isprintable() | ("\n" in text)


# Pickles that would run something


def text(x):
    return b"V" + x.encode("raw_unicode_escape") + b"\n"


def short(x):
    return b"\x8c" + bytes([len(x)]) + x.encode()


SHAPES = {
    "reduce": lambda m, n, x: f"c{m}\n{n}\n".encode() + b"(" + x + b"tR.",
    "instance": lambda m, n, x: b"(" + x + f"i{m}\n{n}\n".encode() + b".",
    "object": lambda m, n, x: f"(c{m}\n{n}\n".encode() + x + b"o.",
    "new object": lambda m, n, x: (
        b"\x80\x02" + f"c{m}\n{n}\n".encode() + b"(" + x + b"t\x81."
    ),
    "stack": lambda m, n, x: (
        b"\x80\x04" + short(m) + short(n) + b"\x93(" + x + b"tR."
    ),
    "in a list": lambda m, n, x: f"(lc{m}\n{n}\n".encode() + b"(" + x + b"tRa.",
    "in a dict": lambda m, n, x: (
        b"(d" + text("a") + f"c{m}\n{n}\n".encode() + b"(" + x + b"tRs."
    ),
    "as a class": lambda m, n, x: (
        f"c{m}\n{n}\n".encode() + b"(" + x + b"tR(db."
    ),
    "hidden": lambda m, n, x: (  # getattr(import_module(m), n)(x)
        b"cbuiltins\ngetattr\n(cimportlib\nimport_module\n("
        + text(m)
        + b"tR"
        + text(n)
        + b"tR("
        + x
        + b"tR."
    ),
}
COMMANDS = {
    "os.system": "touch {}",
    "posix.system": "touch {}",
    "os.mkdir": "{}",
    "os.popen": "touch {}",
    "builtins.eval": "open('{}', 'w')",
    "builtins.exec": "open('{}', 'w')",
    "__builtin__.eval": "open('{}', 'w')",
    "subprocess.getoutput": "touch {}",
    "pathlib.Path.touch": "{}",
    "torch.load": "{}",
    "torch.serialization.load": "{}",
    "torch.hub.load": "{}",
    "numpy.load": "{}",
    "pickle.loads": "{}",
    "runpy.run_path": "{}",
    "shutil.rmtree": "{}",
    "webbrowser.open": "{}",
    "ctypes.CDLL": "{}",
}


def zipped(pickled, records=()):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/version", b"3\n")
        archive.writestr("archive/byteorder", b"little")
        for name, content in dict(records).items():
            archive.writestr(f"archive/{name}", content)
    return file.getvalue()


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_is_run(command, marker, tmp_path):
    """18 commands in 9 shapes, plain and in an archive: 324 files."""
    module, _, name = command.rpartition(".")
    argument = text(COMMANDS[command].format(marker))
    path = tmp_path / "pytorch_model.bin"
    for shape in SHAPES.values():
        code = shape(module, name, argument)
        for content in (code, zipped(code)):
            path.write_bytes(content)
            refused(path, USES[:1])
            assert not marker.exists()


def test_the_pickles_are_real(tmp_path):
    """They do what they are for where nothing stops them."""
    for number, shape in enumerate(("reduce", "stack", "in a dict", "hidden")):
        marker = tmp_path / str(number)
        pickle.loads(SHAPES[shape]("os", "mkdir", text(str(marker))))
        assert marker.exists()


# Files under a wrong name, and cut ones


def png():
    def chunk(kind, data):
        content = kind + data
        return (
            struct.pack(">I", len(data))
            + content
            + struct.pack(">I", zlib.crc32(content))
        )

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixel = chunk(b"IDAT", zlib.compress(b"\0\0"))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + pixel
        + chunk(b"IEND", b"")
    )


def saved(model, **options):
    file = io.BytesIO()
    torch.save(model.state_dict(), file, **options)
    return file.getvalue()


def contents(model):
    return {
        "safetensors": save(model.state_dict()),
        "archive": saved(model),
        "old pickle": saved(model, _use_new_zipfile_serialization=False),
        "pickle": pickle.dumps({"a": 1}),
        "empty": b"",
        "byte": b"\0",
        "picture": png(),
        "text": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "page": b"<!DOCTYPE html><html><body>Not found</body></html>",
        "json": b'{"weight_map": {}}',
        "zeros": bytes(1000),
        "ones": b"\xff" * 1000,
        "gzip": b"\x1f\x8b\x08" + bytes(100),
        "program": b"\x7fELF" + bytes(100),
        "empty archive": b"PK\x05\x06" + bytes(18),
        "tar": b"pickle\0".ljust(257, b"\0") + b"ustar\0" + bytes(800),
    }


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_mislabelled_files(name, trained, folder):
    fits = {
        "model.safetensors": {"safetensors"},
        "pytorch_model.bin": {"archive", "old pickle"},
    }[name]
    (folder / "model.safetensors").unlink()
    for kind, content in contents(trained).items():
        if kind not in fits:
            (folder / name).write_bytes(content)
            refused(folder / name)
            refused(folder, name=folder / name)


@pytest.mark.parametrize("name", ["m.safetensors", "m.bin", "old.bin"])
def test_files_that_end_early(name, trained, tmp_path):
    kinds = {"m.safetensors": "safetensors", "m.bin": "archive"}
    whole = contents(trained)[kinds.get(name, "old pickle")]
    for part in (1, 7, 8, 9, 100, 1000, len(whole) // 2, len(whole) - 1):
        (tmp_path / name).write_bytes(whole[:part])
        refused(tmp_path / name)


# Headers of safetensors


def entry(**changes):
    return {
        "dtype": "F32",
        "shape": [2],
        "data_offsets": [0, 8],
        **changes,
    }


HEADERS = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"a"',
    b"\xff\xfe",
    b"[" * 50_000,
    b'{"a":' * 50_000,
    {"a": 5},
    {"a": []},
    {"a": {}},
    {"a": entry(dtype="F33")},
    {"a": entry(dtype=32)},
    {"a": entry(dtype=None)},
    {"a": entry(dtype="F64")},
    {"a": entry(dtype="I4")},
    {"a": entry(shape=[-2])},
    {"a": entry(shape=[3])},
    {"a": entry(shape=[2.5])},
    {"a": entry(shape="2")},
    {"a": entry(shape=[2**63])},
    {"a": entry(shape=[2**32, 2**32])},
    {"a": entry(shape=[2**31, 2**31, 4])},
    {"a": entry(shape=[2] * 3)},
    {"a": entry(data_offsets=[8, 0])},
    {"a": entry(data_offsets=[-8, 0])},
    {"a": entry(data_offsets=[0, 80])},
    {"a": entry(data_offsets=[0, 2**63])},
    {"a": entry(data_offsets=[4, 12])},
    {"a": entry(data_offsets=[0])},
    {"a": entry(data_offsets="08")},
    {"a": entry(), "b": entry()},
    {"a": entry(), "b": entry(data_offsets=[4, 12])},
    {"a": entry(), "__metadata__": 5},
    {"a": entry(), "__metadata__": {"format": 5}},
    {"a": entry(), "__metadata__": {"format": ["pt"]}},
    b'{"a":%(e)s,"a":%(e)s}' % {b"e": json.dumps(entry()).encode()},
]


@pytest.mark.parametrize("number", range(len(HEADERS)))
def test_headers(number, tmp_path):
    header = HEADERS[number]
    if not isinstance(header, bytes):
        header = json.dumps(header).encode()
    path = tmp_path / "m.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    refused(path)


@pytest.mark.parametrize("size", [0, 10**6, 2**30, 2**40, 2**63, 2**64 - 1])
def test_headers_that_declare_their_size_wrongly(size, tmp_path):
    path = tmp_path / "m.safetensors"
    header = json.dumps({"a": entry()}).encode()
    path.write_bytes(size.to_bytes(8, "little") + header + bytes(8))
    refused(path)


# Archives and tensors that grow


def archive(records, **options):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as out:
        for name, content in records.items():
            out.writestr(name, content)
    return file.getvalue()


BOMB = {"archive/data.pkl": bytes(2**25), "archive/version": b"3"}


def declared(size):
    """An archive whose directory says that a record is larger than it is."""
    content = bytearray(archive({"archive/data.pkl": b"\x80\x02}."}))
    start = content.index(b"PK\x01\x02")
    content[start + 20 : start + 28] = struct.pack("<II", size, size)
    return bytes(content)


@pytest.mark.parametrize(
    "make",
    [
        lambda: archive(BOMB, compression=zipfile.ZIP_DEFLATED),
        lambda: archive(BOMB, compression=zipfile.ZIP_BZIP2),
        lambda: archive({"../../harm": b"x", "/harm": b"x"}),
        lambda: archive({"a/data.pkl": zipped(b"}.")}),
        lambda: declared(2**20),
        lambda: declared(2**32 - 2),
        lambda: zipped(b"\x80\x02}.")[:-5],
    ],
)
def test_archives(make, marker, tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(make())
    refused(tmp_path / "pytorch_model.bin")


class Storage:
    """Pickled as a tensor of many numbers, over a record of few."""

    def __init__(self, numel, shape, stride):
        self.parts = ("storage", torch.FloatStorage, "0", "cpu", numel)
        self.shape, self.stride = shape, stride

    def __reduce__(self):
        rebuild = torch._utils._rebuild_tensor_v2
        return rebuild, (Part(self), 0, self.shape, self.stride, False, {})


class Part:
    def __init__(self, owner):
        self.parts = owner.parts


class Pickler(pickle.Pickler):
    def persistent_id(self, x):
        return x.parts if isinstance(x, Part) else None


@pytest.mark.parametrize(
    ("numel", "shape", "stride"),
    [
        (10**12, (10**12,), (1,)),
        (1, (10**12,), (1,)),
        (1, (10**12,), (0,)),
        (1, (10**9, 10**9), (0, 0)),
        (1, (2**62, 2**62), (0, 0)),
        (1, (-1,), (1,)),
        (1, (1,), (-1,)),
        (-1, (1,), (1,)),
        (2**63 - 1, (1,), (1,)),
        (1, ("a",), (1,)),
    ],
)
def test_tensors_that_are_not_there(numel, shape, stride, tmp_path):
    file = io.BytesIO()
    name = "encoder.stages.0.norm.weight"
    Pickler(file, 2).dump({name: Storage(numel, shape, stride)})
    path = tmp_path / "pytorch_model.bin"
    path.write_bytes(zipped(file.getvalue(), {"data/0": bytes(4)}))
    refused(path)


def test_one_number_does_not_fill_terabytes(folder):
    """Config and shapes agree, and the file is small."""
    width = 2**18
    config = SegFormerConfig(
        dims=(width,) * 4, depths=(1,) * 4, num_heads=(1,) * 4, num_classes=5
    )
    with torch.device("meta"):
        state = to_layout(SegFormer(config).state_dict(), "transformers")
    one = torch.zeros(())
    state = {name: one.expand(x.shape) for name, x in state.items()}
    (folder / "model.safetensors").unlink()
    torch.save(state, folder / "pytorch_model.bin")
    fields = {
        "hidden_sizes": [width] * 4,
        "depths": [1] * 4,
        "num_attention_heads": [1] * 4,
        "decoder_hidden_size": 256,
    }
    (folder / "config.json").write_text(json.dumps({**CONFIG, **fields}))
    with pytest.raises(WeightsError, match=r"refused: its tensors have [\d,]+"):
        load_model(folder)


# JSON beside the weights

TEXTS = [
    b"",
    b" ",
    b"{",
    b"[]",
    b"null",
    b"5",
    b'"text"',
    b"\xff\xff\xff",
    b"\x80\x02}.",
    b"\0" * 100,
    b'{"a": 1, "a": 2}',
    b'{"a": NaN}',
    b'{"a": -Infinity}',
    b'{"a": 1e999}',
    b'{"a": ' + b"1" * 5000 + b"}",
    b"[" * 200_000,
    b'{"a":' * 200_000,
    b"{" + b" " * 2**23 + b"}",
    b"{'a': 1}",
    b'{"a": 1} {"b": 2}',
]
JSON_FILES = ["config.json", "preprocessor_config.json"]


@pytest.mark.parametrize("number", range(len(TEXTS)))
@pytest.mark.parametrize("name", [*JSON_FILES, "model.safetensors.index.json"])
def test_texts_that_are_no_objects(name, number, folder):
    if "index" in name:
        (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(TEXTS[number])
    refused(folder, USES[:1], name=folder / name)
    if name != JSON_FILES[1]:
        refused(folder, USES[2:], name=folder / name)


BAD_LISTS = [
    None,
    "x",
    5,
    {},
    {"0": 8},
    [],
    [1, 2],
    [1] * 10_000,
    [0] * 4,
    [-1] * 4,
    [True] * 4,
    ["8"] * 4,
    [None] * 4,
    [[8]] * 4,
    [1e308] * 4,
    [1.5] * 4,
]
BAD_SIZES = [[10**9] * 4, [10**18] * 4, [10**30] * 4]
STAGES = [
    "hidden_sizes",
    "depths",
    "sr_ratios",
    "num_attention_heads",
    "mlp_ratios",
    "patch_sizes",
]


@pytest.mark.parametrize("field", [*STAGES, "strides"])
def test_fields_of_stages(field, folder):
    for value in BAD_LISTS + (BAD_SIZES if field in STAGES else []):
        text = json.dumps({**CONFIG, field: value})
        (folder / "config.json").write_text(text)
        refused(folder, [load_model, config_from_weights], name=folder)


@pytest.mark.parametrize(
    "field",
    [
        "decoder_hidden_size",
        "num_channels",
        "drop_path_rate",
        "classifier_dropout_prob",
        "num_encoder_blocks",
        "num_labels",
        "id2label",
        "model_type",
        "architectures",
        "hidden_act",
        "reshape_last_stage",
    ],
)
def test_other_fields(field, folder):
    values = ["x" * 10**5, -1, 10**30, 1e308, {"a": 1}, [[[]]], "\x1b[2J"]
    for value in values:
        text = json.dumps({**CONFIG, field: value})
        (folder / "config.json").write_text(text)
        refused(folder, [load_model], name=folder)


def test_a_stride_that_no_picture_has(folder, trained):
    """No shape tells the strides; the model then says what it needs."""
    text = json.dumps({**CONFIG, "strides": [10**9] * 4})
    (folder / "config.json").write_text(text)
    with pytest.raises(ValueError, match="images must be at least"):
        load_model(folder)(torch.zeros(1, 3, 64, 64))


@pytest.mark.parametrize(
    "field",
    [
        "size",
        "image_mean",
        "image_std",
        "rescale_factor",
        "resample",
        "do_resize",
        "do_rescale",
        "do_normalize",
        "do_reduce_labels",
        "image_processor_type",
    ],
)
def test_fields_of_preprocessing(field, folder):
    values = ["x" * 10**5, -1.5, 1e308, 10**400, {"a": 1}, [[[]]], [0] * 10**5]
    for value in values:
        if field == "image_mean" and value == -1.5:
            continue  # a mean may be negative
        text = json.dumps({**NEW, field: value})
        (folder / JSON_FILES[1]).write_text(text)
        refused(folder, [load_model, read_task], name=folder / JSON_FILES[1])


# Ways out of the folder

PATHS = [
    "../outside.safetensors",
    "../../etc/passwd",
    "/etc/passwd",
    "{parent}/outside.safetensors",
    "sub/../../outside.safetensors",
    "./../outside.safetensors",
    "..",
    ".",
    "",
    "..\\outside.safetensors",
    "C:\\outside.safetensors",
    "C:outside.safetensors",
    "\\\\host\\share\\outside.safetensors",
    "file:///outside.safetensors",
    "https://example.org/outside.safetensors",
    "outside.safetensors\0",
    "config.json",
    5,
    None,
    True,
    ["outside.safetensors"],
    {"outside.safetensors": 1},
]


@pytest.mark.parametrize("number", range(len(PATHS)))
def test_an_index_stays_in_its_folder(number, folder, tmp_path):
    inside = folder / "model.safetensors"
    names = load_file(inside)
    inside.rename(tmp_path / "outside.safetensors")
    file = PATHS[number]
    if isinstance(file, str):
        file = file.format(parent=tmp_path)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": dict.fromkeys(names, file)}))
    for use in USES:
        with pytest.raises(WeightsError, match="must name files of this"):
            use(folder)


LINKS = {
    "passwd": "/etc/passwd",
    "zero": "/dev/zero",
    "null": "/dev/null",
    "itself": "{path}",
    "folder": "{folder}",
    "nothing": "{folder}/nothing",
}


@pytest.mark.skipif(os.name == "nt", reason="no such links here")
@pytest.mark.parametrize("target", LINKS.values(), ids=LINKS)
@pytest.mark.parametrize("name", [*JSON_FILES, "model.safetensors"])
def test_links_lead_nowhere(name, target, folder):
    path = folder / name
    path.unlink()
    path.symlink_to(target.format(path=path, folder=folder))
    refused(folder, USES[:1], name=path)


@pytest.mark.skipif(os.name == "nt", reason="no such links here")
def test_links_within_a_cache_are_followed(folder, tmp_path):
    """As the hub's own cache has them."""
    for name in os.listdir(folder):
        (folder / name).rename(tmp_path / name)
        (folder / name).symlink_to(f"../{name}")
    assert load_model(folder).task.classes


# What our own files say beside the tensors

GOOD = {"classes": ["a", "b", "c", "d", "e"]}
TASKS = [
    {"classes": "abcde"},
    {"classes": ["a", "b", "c", "d", 5]},
    {"classes": ["a", "b", "c", "d", None]},
    {"classes": ["a", "b", "c", "d", ["e"]]},
    {"classes": ["a", "b", "c", "d", "\x1b[2J\x1b]0;owned\x07"]},
    {"classes": ["a", "b", "c", "d", "e\nf"]},
    {"classes": ["a", "b", "c", "d", "\0"]},
    {"classes": ["a", "b", "c", "d", "\ud800"]},
    {"classes": ["a", "b", "c", "d", "\u2028"]},
    {"classes": ["a", "b", "c", "d", "\x9b2J"]},
    {"classes": ["x"] * 10**6},
    {"classes": ["x" * 10**6] * 6},
    {"classes": {}},
    {"palette": "red"},
    {"palette": ["red"] * 5},
    {"palette": ["#ff0000"] * 5},
    {"palette": [["1", "2", "3"]] * 5},
    {"palette": [[1, 2]] * 5},
    {"palette": [[1] * 15, [], [], [], []]},
    {"palette": [[1.5, 2, 3]] * 5},
    {"palette": [[True, 2, 3]] * 5},
    {"palette": [[-1, 2, 3]] * 5},
    {"palette": [[10**30, 2, 3]] * 5},
    {"palette": [1, 2, 3, 4, 5]},
    {"palette": [[0, 0, 0]] * 10**5},
    {"short_side": -1},
    {"short_side": "512"},
    {"short_side": 1.5},
    {"short_side": True},
    {"short_side": 10**30},
    {"mean": "abc"},
    {"mean": [1, 2]},
    {"mean": ["1", 2, 3]},
    {"mean": [True, 2, 3]},
    {"mean": [1e300, 2, 3]},
    {"mean": [10**400, 2, 3]},
    {"mean": [[1], 2, 3]},
    {"mean": 5},
    {"std": [0, 1, 1]},
    {"std": [-1, 1, 1]},
    {"std": [1e39, 1, 1]},
    {"std": {}},
    {"labels_from_one": 1},
    {"labels_from_one": "yes"},
    {"unknown": 1},
    {"__class__": "x"},
]


@pytest.mark.parametrize("number", range(len(TASKS)))
def test_tasks(number, trained, tmp_path):
    path = tmp_path / "m.safetensors"
    save_weights(trained, path, task=Task(**GOOD))
    rewrite(path, task=json.dumps({**GOOD, **TASKS[number]}))
    refused(path, [load_model, read_task])
    rewrite(path, task=json.dumps(GOOD))
    assert read_task(path) == Task(**GOOD)


@pytest.mark.parametrize("number", range(len(TEXTS)))
@pytest.mark.parametrize("field", ["task", "config"])
def test_metadata_that_are_no_objects(number, field, trained, tmp_path):
    path = tmp_path / "m.safetensors"
    save_weights(trained, path, task=Task(**GOOD))
    rewrite(path, **{field: TEXTS[number].decode("latin-1")})
    refused(path, [load_model, read_task])


@pytest.mark.parametrize(
    "changes",
    [
        {"dims": [2**18] * 4},
        {"dims": [2**62] * 4},
        {"depths": [10**9] * 4},
        {"decoder_dim": 10**12},
        {"num_classes": 10**12},
        {"in_channels": 10**12},
        {"expansion_ratios": [1e300] * 4},
        {"patch_sizes": [10**9] * 4},
        {"reduction_ratios": [10**9] * 4},
        {"dropout": 10**400},
        {"layer_norm_eps": "1e-5"},
        {"folded": 1},
    ],
)
def test_configs_that_would_take_all_memory(changes, trained, tmp_path):
    """`config_from_weights` too: training builds what it returns."""
    path = tmp_path / "m.safetensors"
    save_weights(trained, path)
    config = metadata_of(path)["config"]
    rewrite(path, config=json.dumps({**json.loads(config), **changes}))
    refused(path, [load_model, config_from_weights])


def metadata_of(path):
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:end])["__metadata__"]


def rewrite(path, **metadata):
    save_file(load_file(path), path, {**metadata_of(path), **metadata})
