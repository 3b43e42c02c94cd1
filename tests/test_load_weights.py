"""What fits is loaded, what does not is named, and nothing is half loaded."""

import re
from dataclasses import replace

import pytest
import torch
from states import assert_same, copied
from torch import nn

from segformer_tutorial import (
    PRESETS,
    MixTransformer,
    SegFormer,
)
from segformer_tutorial.weights import (
    WeightsError,
    WeightsReport,
    config_from_weights,
    load_weights,
    save_weights,
    to_layout,
)
from segformer_tutorial.weights.layouts import ENCODERS_ONLY, LAYOUTS

HEADS = (1, 2, 3, 4)
whole_layouts = pytest.mark.parametrize(
    "layout", [x.name for x in LAYOUTS if x.name not in ENCODERS_ONLY]
)


def official(model):
    return to_layout(model.state_dict(), "official")


def mmsegmentation(encoder):
    return to_layout(encoder.state_dict(), "mmsegmentation")


def test_mmsegmentation_head_is_refused(trained, model, tiny, unchanged):
    state = {
        f"backbone.{name}": x
        for name, x in mmsegmentation(trained.encoder).items()
    }
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


def test_official_segmentor_file(trained, model, tmp_path):
    """As published: a wrapper with notes, and a layer that is never used."""
    state = official(trained)
    state["decode_head.conv_seg.weight"] = torch.zeros(5, 128, 1, 1)
    state["decode_head.conv_seg.bias"] = torch.zeros(5)
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
    state = official(trained.encoder)
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


@whole_layouts
def test_other_classes_need_a_new_classifier(
    layout, trained, tiny, randomize, unchanged
):
    model = randomize(SegFormer(replace(tiny, num_classes=3)), seed=2)
    before = copied(model)
    unchanged(model)
    message = r"expected \(3, 20, 1, 1\), got \(5, 20, 1, 1\)"
    with pytest.raises(WeightsError, match=message) as error:
        load_weights(model, to_layout(trained.state_dict(), layout))
    assert "new_classifier=True" in str(error.value)

    model = SegFormer(replace(tiny, num_classes=3))
    model.load_state_dict(before)
    report = load_weights(
        model, to_layout(trained.state_dict(), layout), new_classifier=True
    )
    own = {"decoder.classify.weight", "decoder.classify.bias"}
    assert set(report.kept) == own
    assert set(report.dropped.values()) == {"a new one is asked for"}
    expected = {**trained.state_dict(), **{name: before[name] for name in own}}
    assert_same(model.state_dict(), expected)


def test_missing_is_named_in_both_spellings(trained, model, unchanged):
    state = to_layout(trained.state_dict(), "transformers")
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
def test_a_wrong_shape_is_named(name, change, got, trained, model, unchanged):
    unchanged(model)
    state = official(trained)
    state[name] = change(state[name])
    with pytest.raises(WeightsError) as error:
        load_weights(model, state)
    assert "wrong shape (1)" in str(error.value)
    assert f"{name} (here " in str(error.value)
    assert f", got {got}\n" in str(error.value)


@pytest.mark.parametrize("rows", [(10, 6), (9, 8), (0, 16)])
def test_uneven_keys_and_values_have_the_wrong_shape(
    rows, trained, model, unchanged
):
    """Ten rows and six make sixteen, but they are not eight and eight."""
    unchanged(model)
    state = to_layout(trained.state_dict(), "transformers")
    stem = "segformer.encoder.block.0.0.attention.self."
    for part, n in zip(["key", "value"], rows, strict=True):
        state[f"{stem}{part}.weight"] = torch.zeros(n, 8)
    with pytest.raises(WeightsError) as error:
        load_weights(model, state)
    got = f"got ({rows[0]}, 8) and ({rows[1]}, 8)"
    assert "expected (16, 8)" in str(error.value) and got in str(error.value)


@pytest.mark.parametrize("shape", [(23, 8), (), (24,)])
def test_a_wrong_in_proj_has_the_wrong_shape(shape, trained, model, unchanged):
    unchanged(model)
    state = mmsegmentation(trained.encoder)
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
        "wrong shape (1): backbone.norm4.bias",
        "(here encoder.stages.3.norm.bias)",
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


def test_tensors_without_values_are_refused(trained, tiny, unchanged):
    with torch.device("meta"):
        empty = SegFormer(tiny)
    unchanged(trained)
    with pytest.raises(WeightsError, match="no values"):
        load_weights(trained, empty.state_dict())
    with pytest.raises(WeightsError, match="no values"):
        load_weights(empty, trained.state_dict())


def test_wrong_arguments(trained, model):
    with pytest.raises(TypeError, match="expected a SegFormer.*got tensors"):
        load_weights(nn.Linear(2, 2), trained.state_dict())
    with pytest.raises(TypeError, match="got SegFormer"):
        load_weights(model, trained)
    with pytest.raises(WeightsError, match="revision is for a hub"):
        load_weights(model, trained.state_dict(), revision="main")


# Configs


@pytest.mark.parametrize("name", PRESETS)
@whole_layouts
def test_config_of_every_preset(name, layout):
    with torch.device("meta"):
        model = SegFormer.from_preset(name, num_classes=19)
        state = to_layout(model.state_dict(), layout)
    assert config_from_weights(state) == replace(PRESETS[name], num_classes=19)


@pytest.mark.parametrize("name", ["b0", "b1", "b2"])
def test_config_of_an_encoder(name):
    ratios = (8, 8, 4, 4)
    config = replace(PRESETS[name], expansion_ratios=ratios, in_channels=4)
    with torch.device("meta"):
        state = mmsegmentation(MixTransformer(config))
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
    with pytest.raises(WeightsError, match="the shapes do not give a config"):
        config_from_weights(state, num_heads=HEADS)


# Input channels


def three_and_four(tiny, randomize):
    """An RGB model, and one that has a fourth channel."""
    rgb = randomize(SegFormer(tiny), seed=1)
    return rgb, randomize(SegFormer(replace(tiny, in_channels=4)), seed=2)


@whole_layouts
def test_new_channels_keep_their_fresh_kernels(layout, tiny, randomize):
    rgb, model = three_and_four(tiny, randomize)
    before = copied(model)
    state = to_layout(rgb.half().state_dict(), layout)
    report = load_weights(model, state, new_channels=True)
    name = "encoder.stages.0.patch_embedding.proj.weight"
    kernels = model.state_dict()[name]
    assert torch.equal(kernels[:, :3], rgb.float().state_dict()[name])
    assert torch.equal(kernels[:, 3:], before[name][:, 3:])
    expected = {**rgb.state_dict(), name: kernels}
    assert_same(model.state_dict(), expected)
    assert report.kept == (f"{name}[:, 3:]",)
    assert report.loaded == len(expected)


def test_new_channels_of_an_encoder_and_with_a_new_classifier(tiny, randomize):
    rgb, model = three_and_four(replace(tiny, num_classes=7), randomize)
    load_weights(model.encoder, rgb.state_dict(), new_channels=True)
    images = torch.randn(1, 4, 64, 64)
    images[:, 3] = 0  # a channel without a signal adds nothing
    expected = rgb.eval().encoder(images[:, :3])
    for ours, theirs in zip(
        model.eval().encoder(images), expected, strict=True
    ):
        assert torch.allclose(ours, theirs, atol=1e-5)
    other = SegFormer(tiny).state_dict()
    options = {"new_channels": True, "new_classifier": True}
    report = load_weights(model, other, **options)
    assert len(report.kept) == 3


def test_new_channels_where_there_are_none(trained, model):
    report = load_weights(model, trained.state_dict(), new_channels=True)
    assert report.kept == ()
    assert_same(model.state_dict(), trained.state_dict())


def test_another_number_of_channels_is_refused(tiny, randomize, unchanged):
    rgb, model = three_and_four(tiny, randomize)
    unchanged(model)
    message = r"(?s)expected \(8, 4, 7, 7\), got \(8, 3, 7, 7\).*new_channels"
    with pytest.raises(WeightsError, match=message):
        load_weights(model, official(rgb))
    unchanged(rgb)
    for options in ({}, {"new_channels": True}):
        with pytest.raises(WeightsError, match="config_from_weights"):
            load_weights(rgb, official(model), **options)


def test_other_kernels_are_not_new_channels(tiny, randomize, unchanged):
    rgb, model = three_and_four(tiny, randomize)
    unchanged(model)
    for kernel in (torch.zeros(8, 3, 5, 5), torch.zeros(8, 3, 7, 7).int()):
        state = official(rgb)
        state["backbone.patch_embed1.proj.weight"] = kernel
        with pytest.raises(WeightsError, match="wrong shape"):
            load_weights(model, state, new_channels=True)


# What no shape tells


@pytest.mark.parametrize(
    ("name", "value"), [("num_heads", (1, 2, 3, 1)), ("strides", (4, 2, 2, 1))]
)
def test_own_files_say_what_no_shape_tells(
    name, value, trained, tiny, tmp_path, unchanged
):
    pytest.importorskip("safetensors")
    path = tmp_path / "model.safetensors"
    save_weights(trained, path)
    model = SegFormer(replace(tiny, **{name: value}))
    unchanged(model)
    for part in (model, model.encoder):
        with pytest.raises(WeightsError, match=f"model with {name} "):
            load_weights(part, path)


# A report


def test_a_report_cannot_be_changed():
    report = WeightsReport("a.pth", "own", 3)
    with pytest.raises(AttributeError):
        report.loaded = 4
    assert str(report) == "a.pth: 3 tensors, own layout"
