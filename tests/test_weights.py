"""Published layouts in, own files in and out, and what is refused.

transformers, timm and smp write their own names here. The official names and
mmsegmentation's are spelled by hand, apart from the package's tables.
"""

import builtins
import io
import json
import logging
import os
import pickle
import re
import shutil
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from segformer_tutorial import (
    PRESETS,
    MixTransformer,
    SegFormer,
    SegFormerConfig,
)
from segformer_tutorial.weights import (
    WeightsError,
    WeightsReport,
    config_from_weights,
    load_model,
    load_weights,
    save_weights,
)

pytest.importorskip("safetensors")
from safetensors.torch import load_file, save_file

DIMS, DEPTHS, HEADS = (8, 16, 24, 32), (1, 2, 1, 1), (1, 2, 3, 4)
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def trained(tiny, randomize) -> SegFormer:
    return randomize(SegFormer(tiny), seed=1).eval()


@pytest.fixture
def model(tiny, randomize) -> SegFormer:
    return randomize(SegFormer(tiny), seed=2).eval()


@pytest.fixture
def images():
    return torch.randn(2, 3, 64, 96)


@pytest.fixture
def unchanged():
    """Checks that a model has the values that it had when it was watched."""
    watched = []

    def watch(model):
        watched.append((model, copied(model)))

    yield watch
    assert watched
    for model, before in watched:
        assert_same(model.state_dict(), before)


def copied(model):
    return {name: x.clone() for name, x in model.state_dict().items()}


def assert_same(state, other):
    assert state.keys() == other.keys()
    for name, x in state.items():
        assert torch.equal(x, other[name]), name


def assert_close(ours, theirs):
    assert ours.shape == theirs.shape
    error = (ours - theirs).abs().max() / theirs.abs().max()
    assert error < 1e-5


def replaced(state, rules):
    out = {}
    for name, x in state.items():
        for pattern, new in rules:
            name = re.sub(pattern, new, name)
        out[name] = x
    return out


def official(model, backbone="backbone."):
    """NVlabs' names, spelled by hand."""
    rules = []
    for i, s in enumerate("1234"):
        rules += [
            (rf"^encoder\.stages\.{i}\.patch_embedding\.", f"patch_embed{s}."),
            (rf"^encoder\.stages\.{i}\.blocks\.", f"block{s}."),
            (rf"^encoder\.stages\.{i}\.norm\.", f"norm{s}."),
            (rf"^decoder\.unify\.{i}\.", f"decode_head.linear_c{s}.proj."),
        ]
    rules += [
        (r"\.attn\.reduce\.", ".attn.sr."),
        (r"\.ffn\.dwconv\.", ".mlp.dwconv.dwconv."),
        (r"\.ffn\.(fc.)\.", r".mlp.\1."),
        (r"^decoder\.fuse\.", "decode_head.linear_fuse.conv."),
        (r"^decoder\.norm\.", "decode_head.linear_fuse.bn."),
        (r"^decoder\.classify\.", "decode_head.linear_pred."),
        (r"^(patch_embed|block|norm)", rf"{backbone}\1"),
    ]
    return replaced(model.state_dict(), rules)


def on_disk(model):
    """The names in a file of transformers, spelled by hand."""
    rules = [
        (
            r"^encoder\.stages\.(\d)\.patch_embedding\.proj\.",
            r"segformer.encoder.patch_embeddings.\1.proj.",
        ),
        (
            r"^encoder\.stages\.(\d)\.patch_embedding\.norm\.",
            r"segformer.encoder.patch_embeddings.\1.layer_norm.",
        ),
        (
            r"^encoder\.stages\.(\d)\.blocks\.(\d+)\.",
            r"segformer.encoder.block.\1.\2.",
        ),
        (
            r"^encoder\.stages\.(\d)\.norm\.",
            r"segformer.encoder.layer_norm.\1.",
        ),
        (r"(\d)\.norm([12])\.", r"\1.layer_norm_\2."),
        (r"\.attn\.q\.", ".attention.self.query."),
        (r"\.attn\.reduce\.", ".attention.self.sr."),
        (r"\.attn\.norm\.", ".attention.self.layer_norm."),
        (r"\.attn\.proj\.", ".attention.output.dense."),
        (r"\.ffn\.fc(\d)\.", r".mlp.dense\1."),
        (r"\.ffn\.dwconv\.", ".mlp.dwconv.dwconv."),
        (r"^decoder\.unify\.(\d)\.", r"decode_head.linear_c.\1.proj."),
        (r"^decoder\.fuse\.", "decode_head.linear_fuse."),
        (r"^decoder\.norm\.", "decode_head.batch_norm."),
        (r"^decoder\.classify\.", "decode_head.classifier."),
    ]
    state = {}
    for name, x in replaced(model.state_dict(), rules).items():
        if ".attn.kv." in name:
            key, value = x.chunk(2)
            state[name.replace("attn.kv", "attention.self.key")] = key
            state[name.replace("attn.kv", "attention.self.value")] = value
        else:
            state[name] = x
    return state


def mmseg(encoder, backbone=""):
    """mmsegmentation's names, spelled by hand."""
    state = {}
    for name, x in encoder.state_dict().items():
        i, *rest = name.removeprefix("stages.").split(".")
        part = ".".join(rest)
        if part.startswith("patch_embedding."):
            part = part.replace("patch_embedding", "0")
            part = part.replace("0.proj", "0.projection")
        elif part.startswith("norm."):
            part = part.replace("norm", "2")
        else:
            part = part.replace("blocks", "1")
            for ours, theirs, depth in [
                ("ffn.fc1", "ffn.layers.0", 2),
                ("ffn.dwconv", "ffn.layers.1", 0),
                ("ffn.fc2", "ffn.layers.4", 2),
                ("attn.reduce", "attn.sr", 0),
                ("attn.proj", "attn.attn.out_proj", 0),
            ]:
                if ours in part:
                    part = part.replace(ours, theirs)
                    if x.ndim == depth:
                        x = x[:, :, None, None]
        if "attn.kv" in part:
            continue
        if "attn.q" in part:
            kv = encoder.state_dict()[name.replace("attn.q", "attn.kv")]
            x = torch.cat([x, kv])
            part = part.replace("attn.q.", "attn.attn.in_proj_")
        state[f"{backbone}layers.{i}.{part}"] = x
    return state


def with_prefix(prefix):
    return lambda model: {
        prefix + name: x for name, x in model.state_dict().items()
    }


FULL = {
    "own": with_prefix(""),
    "official": official,
    "transformers": on_disk,
}
full_layouts = pytest.mark.parametrize("layout", FULL)


# Layouts


@full_layouts
def test_a_whole_model_goes_round(layout, trained, model):
    report = load_weights(model, FULL[layout](trained))
    assert_same(model.state_dict(), trained.state_dict())
    assert report.layout == layout
    assert report.loaded == len(model.state_dict())
    assert report.kept == () and report.dropped == {}
    assert report.source == "state dict"


@full_layouts
def test_an_encoder_takes_its_part_of_a_whole_model(layout, trained, tiny):
    encoder = MixTransformer(tiny)
    report = load_weights(encoder, FULL[layout](trained))
    assert_same(encoder.state_dict(), trained.encoder.state_dict())
    assert set(report.dropped.values()) == {"the model is an encoder"}
    assert len(report.dropped) == len(trained.decoder.state_dict())


def transformers_model(kind, randomize, **changes):
    transformers = pytest.importorskip("transformers")
    config = transformers.SegformerConfig(
        hidden_sizes=list(DIMS),
        depths=list(DEPTHS),
        num_attention_heads=list(HEADS),
        decoder_hidden_size=20,
        num_labels=5,
        **changes,
    )
    return randomize(getattr(transformers, kind)(config)).eval()


@pytest.mark.parametrize("place", ["memory", "disk"])
def test_transformers_gives_equal_logits(
    place, tiny, randomize, images, tmp_path
):
    theirs = transformers_model("SegformerForSemanticSegmentation", randomize)
    source = theirs.state_dict()
    if place == "disk":
        theirs.save_pretrained(tmp_path)
        source = tmp_path / "model.safetensors"
    model = SegFormer(replace(tiny, layer_norm_eps=1e-5)).eval()
    report = load_weights(model, source)
    assert report.layout.startswith("transformers")
    with torch.no_grad():
        assert_close(model(images), theirs(images).logits)


@pytest.mark.parametrize("place", ["memory", "disk"])
@pytest.mark.parametrize(
    ("kind", "dropped"),
    [
        ("SegformerModel", set()),
        (
            "SegformerForImageClassification",
            {"classifier.weight", "classifier.bias"},
        ),
    ],
)
def test_transformers_encoders_fill_the_encoder(
    kind, dropped, place, model, randomize, images, tmp_path
):
    theirs = transformers_model(kind, randomize)
    source = theirs.state_dict()
    if place == "disk":
        theirs.save_pretrained(tmp_path)
        source = tmp_path / "model.safetensors"
    decoder = copied(model.decoder)
    report = load_weights(model, source)
    assert_same(model.decoder.state_dict(), decoder)
    assert set(report.kept) == {f"decoder.{name}" for name in decoder}
    assert report.dropped.keys() == dropped
    encoder = MixTransformer(replace(model.config, layer_norm_eps=1e-5))
    load_weights(encoder, source)
    base = getattr(theirs, "segformer", theirs)
    with torch.no_grad():
        maps = base(images, output_hidden_states=True).hidden_states
        for ours, other in zip(encoder.eval()(images), maps, strict=True):
            assert_close(ours, other)


@pytest.mark.parametrize("features_only", [False, True])
def test_timm_gives_equal_maps(features_only, randomize, images):
    timm = pytest.importorskip("timm")
    theirs = timm.create_model(
        "pvt_v2_b0",
        embed_dims=(16, 32, 80, 128),
        num_heads=(1, 1, 2, 4),
        features_only=features_only,
    )
    state = randomize(theirs.eval()).state_dict()
    config = config_from_weights(state, num_heads=(1, 1, 2, 4))
    assert config.expansion_ratios == (8, 8, 4, 4)
    encoder = MixTransformer(config).eval()
    report = load_weights(encoder, state)
    dropped = set() if features_only else {"head.weight", "head.bias"}
    assert report.dropped.keys() == dropped
    with torch.no_grad():
        maps = encoder(images)
        if features_only:
            for ours, other in zip(maps, theirs(images), strict=True):
                assert_close(ours, other)
        else:
            assert_close(maps[-1], theirs.forward_features(images))


@pytest.mark.parametrize("name", ["mit_b0", "tu-pvt_v2_b0"])
def test_smp_gives_equal_logits(name, randomize, images):
    smp = pytest.importorskip("segmentation_models_pytorch")
    theirs = randomize(
        smp.Segformer(
            name,
            encoder_weights=None,
            classes=5,
            decoder_segmentation_channels=24,
        )
    ).eval()
    model = SegFormer(config_from_weights(theirs.state_dict())).eval()
    report = load_weights(model, theirs.state_dict())
    assert report.loaded == len(model.state_dict())
    with torch.no_grad():
        maps = theirs.decoder(theirs.encoder(images))
        # Its head then upsamples four times, with the corners aligned.
        assert_close(model(images), theirs.segmentation_head[0](maps))


def test_the_fuse_weight_is_copied_as_it_is(trained, model):
    """The order that no shape tells: swapped slices load, and differ."""
    state = official(trained)
    key = "decode_head.linear_fuse.conv.weight"
    load_weights(model, state)
    assert torch.equal(model.decoder.fuse.weight, state[key])
    slices = state[key].chunk(4, dim=1)
    load_weights(model, {**state, key: torch.cat(slices[::-1], dim=1)})
    images = torch.randn(1, 3, 64, 64)
    assert not torch.allclose(model(images), trained(images))


@pytest.mark.parametrize("backbone", ["", "backbone."])
def test_mmsegmentation_encoder(backbone, trained, model):
    report = load_weights(model, mmseg(trained.encoder, backbone))
    assert report.layout == "mmsegmentation"
    assert_same(model.encoder.state_dict(), trained.encoder.state_dict())


def test_mmsegmentation_attention_is_multi_head_attention(
    trained, tiny, randomize
):
    """The rows of in_proj are q, k, v, as torch's own attention has them."""
    attention = randomize(nn.MultiheadAttention(32, 4, batch_first=True))
    state = mmseg(trained.encoder)
    for name, x in attention.state_dict().items():
        state[f"layers.3.1.0.attn.attn.{name}"] = x
    encoder = MixTransformer(tiny)
    load_weights(encoder, state)
    x = torch.randn(1, 6, 32)
    expected = attention(x, x, x)[0]
    ours = encoder.stages[3].blocks[0].attn(x.view(1, 2, 3, 32))
    assert_close(ours.view(1, 6, 32), expected)


def test_mmsegmentation_head_is_refused(trained, model, tiny, unchanged):
    state = mmseg(trained.encoder, "backbone.")
    state["decode_head.convs.0.conv.weight"] = torch.zeros(20, 8, 1, 1)
    state["decode_head.fusion_conv.conv.weight"] = torch.zeros(20, 80, 1, 1)
    state["decode_head.conv_seg.weight"] = torch.zeros(5, 20, 1, 1)
    unchanged(model)
    with pytest.raises(WeightsError, match=r"another network.*model\.encoder"):
        load_weights(model, state)
    encoder = MixTransformer(tiny)
    report = load_weights(encoder, state)
    assert_same(encoder.state_dict(), trained.encoder.state_dict())
    assert len(report.dropped) == 3


@pytest.mark.parametrize("wrapper", ["", "module.", "_orig_mod.module."])
def test_official_segmentor_file(wrapper, trained, model, tmp_path):
    """As published: a wrapper with notes, and a layer that is never used."""
    state = {f"{wrapper}{name}": x for name, x in official(trained).items()}
    state[f"{wrapper}decode_head.conv_seg.weight"] = torch.zeros(5, 128, 1, 1)
    state[f"{wrapper}decode_head.conv_seg.bias"] = torch.zeros(5)
    path = tmp_path / "segformer.pth"
    torch.save({"state_dict": state, "meta": {"CLASSES": ("wall",)}}, path)
    report = load_weights(model, path)
    assert_same(model.state_dict(), trained.state_dict())
    assert report.dropped == {
        "decode_head.conv_seg.weight": "a layer that is never used",
        "decode_head.conv_seg.bias": "a layer that is never used",
    }
    assert str(report) == (
        f"{path}: {len(trained.state_dict())} tensors, official layout\n"
        "dropped: decode_head.conv_seg.weight, decode_head.conv_seg.bias "
        "(a layer that is never used)"
    )


def test_official_imagenet_file(trained, model, tmp_path):
    state = official(trained, backbone="")
    state = {k: x for k, x in state.items() if not k.startswith("decode_head")}
    state["head.weight"], state["head.bias"] = torch.ones(9, 32), torch.ones(9)
    path = tmp_path / "mit_b0.pth"
    torch.save(state, path, _use_new_zipfile_serialization=False)
    decoder = copied(model.decoder)
    report = load_weights(model, str(path))
    assert_same(model.encoder.state_dict(), trained.encoder.state_dict())
    assert_same(model.decoder.state_dict(), decoder)
    assert set(report.dropped.values()) == {"the image classifier"}
    assert len(report.kept) == len(decoder)
    assert len(str(report).splitlines()) == 2


@pytest.mark.parametrize("wrapper", ["state_dict", "model"])
@pytest.mark.parametrize("extension", [".pt", ".bin"])
def test_wrappers_and_extensions(wrapper, extension, trained, model, tmp_path):
    path = tmp_path / f"file{extension}"
    torch.save({wrapper: trained.state_dict(), "epoch": 3}, path)
    load_weights(model, path)
    assert_same(model.state_dict(), trained.state_dict())


def test_own_encoder_file(trained, tiny):
    encoder = MixTransformer(tiny)
    load_weights(encoder, trained.encoder.state_dict())
    assert_same(encoder.state_dict(), trained.encoder.state_dict())


def test_a_file_without_batch_counter(trained, model):
    state = official(trained)
    del state["decode_head.linear_fuse.bn.num_batches_tracked"]
    report = load_weights(model, state)
    assert report.kept == ("decoder.norm.num_batches_tracked",)
    assert_same(model.state_dict(), trained.state_dict())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_values_take_the_dtype_of_the_model(dtype, trained, model):
    load_weights(model.to(dtype), official(trained))
    assert model.decoder.fuse.weight.dtype == dtype
    weight = trained.decoder.fuse.weight.to(dtype)
    assert torch.equal(model.decoder.fuse.weight, weight)
    assert model.decoder.norm.num_batches_tracked.dtype == torch.int64
    assert all(p.requires_grad for p in model.parameters())


def test_the_mode_of_the_model_stays(trained, model):
    load_weights(model.train(), trained.state_dict())
    assert model.training


# Classes


@full_layouts
def test_other_classes_need_a_new_classifier(
    layout, trained, tiny, randomize, unchanged
):
    model = randomize(SegFormer(replace(tiny, num_classes=3)), seed=2)
    before = copied(model)
    unchanged(model)
    message = r"expected \(3, 20, 1, 1\), got \(5, 20, 1, 1\)"
    with pytest.raises(WeightsError, match=message) as error:
        load_weights(model, FULL[layout](trained))
    assert "new_classifier=True" in str(error.value)

    model = SegFormer(replace(tiny, num_classes=3))
    model.load_state_dict(before)
    report = load_weights(model, FULL[layout](trained), new_classifier=True)
    own = {"decoder.classify.weight", "decoder.classify.bias"}
    assert set(report.kept) == own
    assert set(report.dropped.values()) == {"a new one is asked for"}
    expected = {**trained.state_dict(), **{name: before[name] for name in own}}
    assert_same(model.state_dict(), expected)


# Tensors that do not fit


def test_missing_is_named_in_both_spellings(trained, model, unchanged):
    state = on_disk(trained)
    name = "segformer.encoder.block.1.1.attention.self.value.bias"
    del state[name]
    unchanged(model)
    with pytest.raises(WeightsError) as error:
        load_weights(model, state)
    text = str(error.value)
    assert "missing (1)" in text and "unexpected" not in text
    assert f"{name} (here encoder.stages.1.blocks.1.attn.kv.bias)" in text


def test_unexpected_is_named(trained, model, unchanged):
    unchanged(model)
    state = {**official(trained), "ema.decay": torch.zeros(1)}
    with pytest.raises(WeightsError, match=r"unexpected \(1\): ema\.decay$"):
        load_weights(model, state)


@pytest.mark.parametrize(
    ("name", "change", "got"),
    [
        ("decode_head.linear_c3.proj.weight", lambda x: x.T, "(24, 20)"),
        ("backbone.norm1.weight", lambda x: x[:, None], "(8, 1)"),
        ("backbone.norm1.weight", lambda x: x.sum(), "()"),
        ("backbone.norm1.bias", lambda x: x.int(), "(8,) torch.int32"),
        (
            "backbone.norm1.bias",
            lambda x: x.to_sparse(),
            "(8,) torch.sparse_coo",
        ),
    ],
)
def test_misshapen_is_named(name, change, got, trained, model, unchanged):
    unchanged(model)
    state = official(trained)
    state[name] = change(state[name])
    with pytest.raises(WeightsError) as error:
        load_weights(model, state)
    assert "misshapen (1)" in str(error.value)
    assert f"{name} (here " in str(error.value)
    assert f", got {got}\n" in str(error.value)


@pytest.mark.parametrize("rows", [(10, 6), (9, 8), (0, 16)])
def test_uneven_keys_and_values_are_misshapen(rows, trained, model, unchanged):
    """Ten rows and six make sixteen, but they are not eight and eight."""
    unchanged(model)
    state = on_disk(trained)
    stem = "segformer.encoder.block.0.0.attention.self."
    for part, n in zip(["key", "value"], rows, strict=True):
        state[f"{stem}{part}.weight"] = torch.zeros(n, 8)
    with pytest.raises(WeightsError) as error:
        load_weights(model, state)
    got = f"got ({rows[0]}, 8) and ({rows[1]}, 8)"
    assert "expected (16, 8)" in str(error.value) and got in str(error.value)


@pytest.mark.parametrize("shape", [(23, 8), (), (24,)])
def test_a_wrong_in_proj_is_misshapen(shape, trained, model, unchanged):
    unchanged(model)
    state = mmseg(trained.encoder)
    name = "layers.0.1.0.attn.attn.in_proj_weight"
    state[name] = torch.zeros(shape)
    with pytest.raises(WeightsError, match=re.escape(f"{name} (here ")):
        load_weights(model, state)


def test_all_that_is_wrong_is_said_at_once(trained, model, unchanged):
    unchanged(model)
    state = official(trained)
    del state["backbone.norm2.weight"], state["decode_head.linear_pred.bias"]
    state["extra.a"] = state["extra.b"] = torch.zeros(1)
    state["backbone.norm4.bias"] = torch.zeros(33)
    with pytest.raises(WeightsError) as error:
        load_weights(model, state)
    text = str(error.value)
    for part in [
        "state dict: does not fit the model, which stays as it was",
        "official layout",
        "missing (2): backbone.norm2.weight (here encoder.stages.1.norm.weight",
        "decode_head.linear_pred.bias",
        "unexpected (2): extra.a; extra.b",
        "misshapen (1): backbone.norm4.bias (here encoder.stages.3.norm.bias)",
        "expected (32,), got (33,)",
    ]:
        assert part in text


def test_a_long_list_is_cut_and_counted(trained, tiny, unchanged):
    model = SegFormer(replace(tiny, depths=(1, 2, 1, 2)))
    unchanged(model)
    with pytest.raises(WeightsError) as error:
        load_weights(model, official(trained))
    assert "missing (16):" in str(error.value)
    assert "; and 11 more" in str(error.value)


def test_other_expansion_ratios_are_refused(trained, tiny, unchanged):
    model = SegFormer(replace(tiny, expansion_ratios=(8, 8, 4, 4)))
    unchanged(model)
    with pytest.raises(WeightsError) as error:
        load_weights(model, official(trained))
    assert "expected (64, 8), got (32, 8)" in str(error.value)
    assert "config_from_weights" in str(error.value)


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"weight": torch.zeros(3)},
        {"patch_embed.proj.weight": torch.zeros(3), "head.bias": torch.ones(3)},
    ],
)
def test_another_network_is_not_recognised(state, model, unchanged):
    unchanged(model)
    with pytest.raises(WeightsError, match="not a SegFormer in a known layout"):
        load_weights(model, state)


@pytest.mark.parametrize(
    "state", [{"a": 1}, {1: torch.zeros(1)}, {"state_dict": {"a": [1]}}]
)
def test_a_dict_of_something_else_is_refused(state, model):
    with pytest.raises(WeightsError, match="must hold tensors by name"):
        load_weights(model, state)


def test_tensors_without_values_are_refused(trained, tiny, unchanged):
    with torch.device("meta"):
        empty = SegFormer(tiny)
    unchanged(trained)
    with pytest.raises(WeightsError, match="no values"):
        load_weights(trained, empty.state_dict())
    with pytest.raises(WeightsError, match="no values"):
        load_weights(empty, trained.state_dict())


def test_wrong_arguments(trained, model):
    with pytest.raises(TypeError, match="got Linear"):
        load_weights(nn.Linear(2, 2), trained.state_dict())
    with pytest.raises(TypeError, match="got SegFormer"):
        load_weights(model, trained)
    with pytest.raises(WeightsError, match="revision is for a hub"):
        load_weights(model, trained.state_dict(), revision="main")


# Files that cannot be used


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("save", [torch.save, "pickle"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_code_in_a_pickle_is_not_run(
    save, wrapped, trained, model, tmp_path, unchanged
):
    proof = tmp_path / "proof"
    state = {**trained.state_dict(), "evil": Malicious(proof)}
    path = tmp_path / "evil.pth"
    if wrapped:
        state = {"state_dict": trained.state_dict(), "meta": Malicious(proof)}
    if save == "pickle":
        path.write_bytes(pickle.dumps(state["meta" if wrapped else "evil"], 2))
    else:
        save(state, path)
    unchanged(model)
    with pytest.raises(WeightsError, match="refused") as error:
        load_weights(model, path)
    assert str(path) in str(error.value)
    assert "weights_only" not in str(error.value)  # torch says to turn it off
    assert isinstance(error.value.__cause__, pickle.UnpicklingError)
    assert not proof.exists()
    if save == "pickle":  # the test's own pickle does what it is for
        pickle.loads(path.read_bytes())
        assert proof.exists()


def zip_of(trained):
    file = io.BytesIO()
    torch.save(trained.state_dict(), file)
    return file.getvalue()


def flipped(trained):
    """A whole zip file with a wrong checksum in its directory."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", b"no pickle")
        archive.writestr("archive/version", b"3")
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cut.pth", lambda t: zip_of(t)[:2000]),
        ("half.bin", lambda t: zip_of(t)[: len(zip_of(t)) // 2]),
        ("odd.pt", flipped),
        ("text.pth", lambda t: b"not a pickle at all"),
        ("text.safetensors", lambda t: b"not a header at all"),
        ("short.safetensors", lambda t: b"1"),
        ("pickle.safetensors", zip_of),
    ],
)
def test_damaged_files(name, content, trained, model, tmp_path, unchanged):
    path = tmp_path / name
    path.write_bytes(content(trained))
    unchanged(model)
    with pytest.raises(WeightsError, match="damaged") as error:
        load_weights(model, path)
    assert str(path) in str(error.value)
    assert error.value.__cause__ is not None


def test_truncated_safetensors(trained, model, tmp_path, unchanged):
    path = tmp_path / "model.safetensors"
    save_weights(trained, path)
    path.write_bytes(path.read_bytes()[:-1])
    unchanged(model)
    with pytest.raises(WeightsError, match="damaged"):
        load_weights(model, path)
    with pytest.raises(WeightsError, match="damaged"):
        load_model(path)


@pytest.mark.parametrize("use", [lambda p: load_weights(None, p), load_model])
def test_files_that_are_not_there(use, tmp_path):
    folder = tmp_path / "folder.pth"
    folder.mkdir()
    empty = tmp_path / "empty.safetensors"
    empty.touch()
    other = tmp_path / "model.onnx"
    other.write_bytes(b"1")
    for path, reason in [
        (tmp_path / "none.pth", "No such file"),
        (folder, "is a folder"),
        (empty, "is empty"),
        (other, "must end in .safetensors, .pth, .pt, .bin"),
    ]:
        with pytest.raises(WeightsError, match=re.escape(f"{path}: ")) as error:
            use(path)
        assert reason in str(error.value)


def test_permission_denied(trained, model, tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    save_weights(trained, path)

    def denied(file, *args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(builtins, "open", denied)
    with pytest.raises(WeightsError, match="Permission denied") as error:
        load_weights(model, path)
    assert isinstance(error.value.__cause__, PermissionError)


def test_not_a_dict(model, tmp_path):
    path = tmp_path / "list.pth"
    torch.save([torch.zeros(3)], path)
    with pytest.raises(WeightsError, match="by name, got list"):
        load_weights(model, path)


@pytest.mark.parametrize("name", ["weights/b0.pth", "no_such_thing", "a/b/c"])
def test_a_path_that_is_missing_is_not_a_hub_name(name, model, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(WeightsError, match="No such file"):
        load_weights(model, name)


def test_without_safetensors(trained, model, tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    save_weights(trained, path)
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    for use in (
        lambda: save_weights(trained, path),
        lambda: load_weights(model, path),
        lambda: load_model(path),
    ):
        with pytest.raises(ImportError, match="pip install safetensors"):
            use()
    load_weights(model, trained.state_dict())  # needs no extra


# Own files


def test_save_and_load_model(trained, images, tmp_path):
    path = tmp_path / "model.safetensors"
    before = copied(trained)
    save_weights(trained.train(), str(path))
    assert trained.training
    torch.manual_seed(7)
    state = torch.get_rng_state()
    model = load_model(path)
    assert torch.equal(torch.get_rng_state(), state)
    assert model.config == trained.config
    assert not model.training
    assert_same(model.state_dict(), before)
    assert all(p.requires_grad for p in model.parameters())
    assert torch.equal(model(images), trained.eval()(images))
    with open(path, "r+b") as file:  # the model needs its file no more
        file.write(bytes(path.stat().st_size))
    assert_same(model.state_dict(), before)
    path.unlink()
    model(images).sum().backward()
    assert os.listdir(tmp_path) == []


def test_own_file_carries_its_config(trained, tmp_path):
    path = tmp_path / "model.safetensors"
    config = replace(trained.config, layer_norm_eps=1e-5, drop_path=0.25)
    save_weights(SegFormer(config), path)
    assert load_model(path).config == config
    assert config_from_weights(path) == config
    changed = config_from_weights(path, num_classes=3)
    assert changed == replace(config, num_classes=3)


def test_every_field_of_the_config_comes_back(tmp_path):
    config = SegFormerConfig(
        dims=(4, 8),
        depths=(1, 1),
        num_heads=(1, 2),
        reduction_ratios=(2, 1),
        expansion_ratios=(2, 1.5),
        patch_sizes=(3, 3),
        strides=(2, 2),
        decoder_dim=4,
        num_classes=2,
        in_channels=1,
        drop_path=0.0,
        dropout=0.5,
        layer_norm_eps=1e-3,
    )
    save_weights(SegFormer(config), tmp_path / "m.safetensors")
    assert load_model(tmp_path / "m.safetensors").config == config


def test_the_dtype_of_a_file_stays(trained, tmp_path):
    path = tmp_path / "half.safetensors"
    save_weights(trained.half(), path)
    model = load_model(path)
    assert_same(model.state_dict(), trained.state_dict())
    assert model.decoder.fuse.weight.dtype == torch.float16


def test_tied_and_non_contiguous_tensors_are_saved(trained, tmp_path):
    path = tmp_path / "model.safetensors"
    blocks = trained.encoder.stages[1].blocks
    blocks[1].ffn.fc1.weight = blocks[0].ffn.fc1.weight
    trained.to(memory_format=torch.channels_last)
    weight = trained.decoder.unify[0].weight
    weight.data = weight.data.T.contiguous().T
    assert not weight.is_contiguous()
    save_weights(trained, path)
    assert_same(load_model(path).state_dict(), trained.state_dict())


def test_an_encoder_alone_is_not_saved(trained, tmp_path):
    with pytest.raises(WeightsError, match="only a SegFormer.*MixTransformer"):
        save_weights(trained.encoder, tmp_path / "m.safetensors")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["m.pth", "m", "none/m.safetensors"])
def test_places_that_cannot_be_written(name, trained, tmp_path):
    with pytest.raises(WeightsError, match="not saved") as error:
        save_weights(trained, tmp_path / name)
    assert str(tmp_path / name) in str(error.value)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize(
    "failure", [OSError(28, "No space left"), MemoryError()]
)
def test_a_failed_save_keeps_the_old_file(
    step, failure, trained, model, tmp_path, monkeypatch
):
    path = tmp_path / "model.safetensors"
    save_weights(trained, path)

    def fail(*args):
        raise failure

    monkeypatch.setattr(os, step, fail)
    expected = WeightsError if isinstance(failure, OSError) else MemoryError
    with pytest.raises(expected):
        save_weights(model, path)
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["model.safetensors"]
    assert_same(load_model(path).state_dict(), trained.state_dict())


def test_a_save_follows_a_link(trained, tmp_path):
    target = tmp_path / "real.safetensors"
    target.touch()
    link = tmp_path / "link.safetensors"
    try:
        link.symlink_to(target)
    except OSError:
        pytest.skip("no links here")
    save_weights(trained, link)
    assert link.is_symlink()
    assert_same(load_model(target).state_dict(), trained.state_dict())


def rewritten(path, tensors=None, **metadata):
    """The same file with other metadata; None takes a field away."""
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        old = file.metadata()
    metadata = {k: v for k, v in {**old, **metadata}.items() if v is not None}
    save_file(tensors or load_file(path), path, metadata)


def changed_config(path, **changes):
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        config = json.loads(file.metadata()["config"])
    config = {**config, **changes}
    return json.dumps({k: v for k, v in config.items() if v != "gone"})


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"format": None, "version": None, "config": None}, "has no config"),
        ({"format": "pt"}, "has no config"),
        ({"version": "2"}, "has version 2 of the format, expected 1"),
        ({"version": None}, "has version None"),
        ({"config": None}, "bad config"),
        ({"config": "{"}, "bad config"),
        ({"config": "[]"}, "bad config"),
        ({"config": {"window": 7}}, "bad config.*window"),
        ({"config": {"strides": "gone"}}, "bad config.*strides"),
        ({"config": {"dims": [8]}}, "bad config.*depths must hold 1"),
        ({"config": {"dims": 8}}, "bad config"),
        ({"config": {"depths": [2, 2, 1, 1]}}, "missing"),
    ],
)
def test_load_model_needs_a_good_config(metadata, reason, trained, tmp_path):
    path = tmp_path / "model.safetensors"
    save_weights(trained, path)
    if isinstance(metadata.get("config"), dict):
        metadata = {"config": changed_config(path, **metadata["config"])}
    rewritten(path, **metadata)
    with pytest.raises(WeightsError, match=f"(?s){reason}") as error:
        load_model(path)
    assert str(path) in str(error.value)


def test_load_model_needs_all_tensors(trained, tmp_path):
    path = tmp_path / "model.safetensors"
    save_weights(trained, path)
    tensors = load_file(path)
    parts = {k: x for k, x in tensors.items() if k.startswith("encoder.")}
    rewritten(path, parts)
    with pytest.raises(WeightsError, match=r"missing: decoder\."):
        load_model(path)


def test_load_model_refuses_a_pickle(trained, tmp_path):
    torch.save(trained.state_dict(), tmp_path / "m.pth")
    with pytest.raises(WeightsError, match=r"has no config.*load_weights"):
        load_model(tmp_path / "m.pth")


# Configs


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("spelling", ["own", "official", "transformers"])
def test_config_of_every_preset(name, spelling):
    with torch.device("meta"):
        model = SegFormer.from_preset(name, num_classes=19)
        state = FULL[spelling](model)
    assert config_from_weights(state) == replace(PRESETS[name], num_classes=19)


@pytest.mark.parametrize("name", ["b0", "b1", "b2"])
def test_config_of_an_encoder(name):
    ratios = (8, 8, 4, 4)
    config = replace(PRESETS[name], expansion_ratios=ratios, in_channels=4)
    with torch.device("meta"):
        state = mmseg(MixTransformer(config))
    assert config_from_weights(state) == config
    changed = config_from_weights(state, num_classes=7, decoder_dim=64)
    assert changed == replace(config, num_classes=7, decoder_dim=64)


def test_config_needs_heads_that_are_known(trained):
    state = official(trained)
    with pytest.raises(WeightsError, match="num_heads"):
        config_from_weights(state)
    config = config_from_weights(state, num_heads=HEADS)
    assert config == trained.config


@pytest.mark.parametrize(
    "name",
    ["patch_embed1.proj", "block2.0.mlp.dwconv.dwconv", "block4.0.norm1"],
)
@pytest.mark.parametrize("damage", ["gone", "flat"])
def test_config_of_a_damaged_file(name, damage, trained):
    state = official(trained)
    key = f"backbone.{name}.weight"
    if damage == "gone":
        del state[key]
    else:
        state[key] = torch.zeros(())
    with pytest.raises(WeightsError, match="no config can be read off"):
        config_from_weights(state, num_heads=HEADS)


# A hub


class Hub:
    """Serves a folder as a repository, and notes what is asked for."""

    def __init__(self, folder):
        self.folder = folder / "snapshots" / COMMIT
        self.folder.mkdir(parents=True)
        self.asked = []
        self.errors = {}

    def card(self, text):
        (self.folder / "README.md").write_text(text)

    def download(self, name, file, *, revision=None, local_files_only=False):
        from huggingface_hub.utils import EntryNotFoundError

        self.asked.append((file, revision, local_files_only))
        for pattern, error in self.errors.items():
            if re.fullmatch(pattern, file):
                raise error
        if not (self.folder / file).exists():
            raise EntryNotFoundError("404")
        return str(self.folder / file)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    huggingface_hub = pytest.importorskip("huggingface_hub")
    hub = Hub(tmp_path)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", hub.download)
    return hub


def test_hub_says_that_nvidia_is_not_commercial(hub, trained, model, caplog):
    hub.card("---\nlicense: other\ntags: [vision]\n---\n# SegFormer\n")
    save_file(on_disk(trained), hub.folder / "model.safetensors")
    torch.save({}, hub.folder / "pytorch_model.bin")
    name = "nvidia/segformer-b0-finetuned-ade-512-512"
    report = load_weights(model, name)
    assert_same(model.state_dict(), trained.state_dict())
    assert (report.revision, report.license) == (COMMIT, "other")
    assert report.source == f"{name}/model.safetensors"
    terms = (
        f"revision {COMMIT}, licence other: NVIDIA's weights are not for "
        "commercial use"
    )
    assert terms in str(report)
    assert len(str(report).splitlines()) == 2
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == f"{name}: {terms}"
    # The weights are of the commit whose licence was read.
    assert hub.asked == [
        ("README.md", None, False),
        ("model.safetensors", COMMIT, False),
    ]


def test_hub_falls_back_to_the_pickle(hub, trained, model, caplog):
    hub.card("---\nlicense: apache-2.0\n---\n")
    torch.save(trained.state_dict(), hub.folder / "pytorch_model.bin")
    caplog.set_level(logging.INFO)
    report = load_weights(model, "timm/pvt_v2_b0.in1k", revision="v1")
    assert report.license == "apache-2.0"
    assert f"revision {COMMIT}, licence apache-2.0" in str(report)
    assert caplog.records[0].levelno == logging.INFO
    assert hub.asked[0] == ("README.md", "v1", False)
    assert report.source.endswith("pytorch_model.bin")
    assert config_from_weights("timm/x", num_heads=HEADS) == trained.config


@pytest.mark.parametrize("card", [None, "no header", "---\ntags: [a]\n---\n"])
def test_hub_without_a_licence(card, hub, trained, model, caplog):
    if card:
        hub.card(card)
    save_file(trained.state_dict(), hub.folder / "model.safetensors")
    report = load_weights(model, "some/model")
    assert report.license is None and report.revision == COMMIT
    assert "licence not known: read its page" in str(report)
    assert "licence not known" in caplog.text


def hub_errors():
    from huggingface_hub import errors

    response = SimpleNamespace(headers={}, request=None)
    return {
        "cannot be reached": errors.LocalEntryNotFoundError("no network"),
        "no public repository": errors.RepositoryNotFoundError(
            "401 Client Error", response=response
        ),
        "accept its terms": errors.GatedRepoError("403", response=response),
        "bad revision": errors.RevisionNotFoundError(
            "404: bad\nrevision", response=response
        ),
        "offline mode": errors.OfflineModeIsEnabled("offline mode"),
        "neither model.safetensors": errors.EntryNotFoundError("404"),
        "reset by peer": ConnectionError("reset by peer"),
        "No space left": OSError(28, "No space left"),
    }


@pytest.mark.parametrize(
    "reason",
    [
        "cannot be reached",
        "no public repository",
        "accept its terms",
        "bad revision",
        "offline mode",
        "neither model.safetensors",
        "reset by peer",
        "No space left",
    ],
)
@pytest.mark.parametrize("files", [".*", "[mp].*"])
def test_hub_errors(reason, files, hub, model, unchanged):
    hub.errors[files] = hub_errors()[reason]
    hub.card("---\nlicense: mit\n---\n")
    unchanged(model)
    with pytest.raises(WeightsError, match=f"^some/model: .*{reason}") as error:
        load_weights(model, "some/model")
    assert error.value.__cause__ is hub.errors[files]
    if reason == "cannot be reached" and files == ".*":
        assert all(local for _, _, local in hub.asked[1:])


def test_hub_file_that_is_damaged(hub, model, unchanged):
    hub.card("")
    (hub.folder / "model.safetensors").write_bytes(b"half of a file")
    unchanged(model)
    with pytest.raises(WeightsError, match="damaged"):
        load_weights(model, "some/model")


def test_without_huggingface_hub(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(WeightsError, match="pip install safetensors"):
        load_weights(model, "nvidia/mit-b0")


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """The real library in offline mode, with a cache of its own."""
    constants = pytest.importorskip("huggingface_hub.constants")
    cache = tmp_path / "cache"
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    return cache


def test_offline_without_a_cache(offline, model, unchanged):
    unchanged(model)
    with pytest.raises(WeightsError, match="not in the cache") as error:
        load_weights(model, "nvidia/mit-b0")
    assert isinstance(error.value.__cause__, FileNotFoundError)
    reason = error.value.__cause__.__cause__
    assert type(reason).__name__ == "OfflineModeIsEnabled"
    left = [x for x in Path(offline).rglob("*") if x.is_file()]
    assert left == []


def test_offline_from_the_cache(offline, trained, model):
    repository = offline / "models--nvidia--mit-b0"
    folder = repository / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    torch.save(on_disk(trained), folder / "pytorch_model.bin")
    report = load_weights(model, "nvidia/mit-b0")
    assert (report.revision, report.license) == (COMMIT, None)
    assert "not for commercial use" in str(report)
    assert_same(model.state_dict(), trained.state_dict())

    (folder / "README.md").write_text("---\nlicense: other\n---\n")
    report = load_weights(model, "nvidia/mit-b0", revision=COMMIT)
    assert (report.revision, report.license) == (COMMIT, "other")
    shutil.rmtree(folder)
    with pytest.raises(WeightsError, match="not in the cache"):
        load_weights(model, "nvidia/mit-b0")


def test_a_folder_that_looks_like_a_hub_name(
    trained, model, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "last").mkdir(parents=True)
    with pytest.raises(WeightsError, match="is a folder"):
        load_weights(model, "runs/last")
    save_weights(trained, "runs/model.safetensors")
    report = load_weights(model, "runs/model.safetensors")
    assert report.revision is None and "licence" not in str(report)


def test_a_report_cannot_be_changed():
    report = WeightsReport("a.pth", "own", 3)
    with pytest.raises(AttributeError):
        report.loaded = 4
    assert str(report) == "a.pth: 3 tensors, own layout"
