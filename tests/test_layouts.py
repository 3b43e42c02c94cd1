"""The names of other projects, against names by hand and against libraries."""

import pytest
import states
import torch
from safetensors.torch import load_file, save_file
from states import assert_same

from segformer_tutorial import MixTransformer, SegFormer
from segformer_tutorial.weights import (
    WeightsError,
    config_from_weights,
    load_weights,
    to_layout,
)
from segformer_tutorial.weights.layouts import ENCODERS_ONLY, LAYOUTS

NAMES = [layout.name for layout in LAYOUTS]
WHOLE = [name for name in NAMES if name not in ENCODERS_ONLY]


def encoder_of(state):
    return {k: x for k, x in state.items() if k.startswith("encoder.")}


# There and back


@pytest.mark.parametrize("layout", WHOLE)
def test_a_whole_model_goes_round(layout, trained, model):
    state = to_layout(trained.state_dict(), layout)
    assert (state.keys() == trained.state_dict().keys()) == (layout == "own")
    report = load_weights(model, state)
    assert_same(model.state_dict(), trained.state_dict())
    assert report.layout == layout
    assert report.loaded == len(model.state_dict())
    assert report.kept == () and report.dropped == {}
    assert report.source == "state dict"


@pytest.mark.parametrize("layout", NAMES)
def test_an_encoder_goes_round(layout, trained, tiny):
    state = to_layout(trained.encoder.state_dict(), layout)
    encoder = MixTransformer(tiny)
    report = load_weights(encoder, state)
    assert_same(encoder.state_dict(), trained.encoder.state_dict())
    # smp's encoder alone has the official names.
    assert report.layout == ("official" if layout == "smp" else layout)
    assert report.dropped == {}


@pytest.mark.parametrize("layout", WHOLE)
def test_an_encoder_takes_its_part_of_a_whole_model(layout, trained, tiny):
    encoder = MixTransformer(tiny)
    report = load_weights(encoder, to_layout(trained.state_dict(), layout))
    assert_same(encoder.state_dict(), trained.encoder.state_dict())
    assert set(report.dropped.values()) == {"the model is an encoder"}
    assert len(report.dropped) == len(trained.decoder.state_dict())


@pytest.mark.parametrize("layout", NAMES)
def test_the_order_of_the_names_does_not_matter(layout, trained):
    """A file lists them by the alphabet: kv before q."""
    state = trained.encoder.state_dict()
    renamed = to_layout(dict(sorted(state.items())), layout)
    assert_same(renamed, to_layout(state, layout))


@pytest.mark.parametrize("layout", NAMES)
def test_renamed_tensors_can_be_written(layout, trained, tmp_path):
    state = to_layout(trained.encoder.state_dict(), layout)
    save_file(state, tmp_path / "model.safetensors")
    assert_same(load_file(tmp_path / "model.safetensors"), state)


# Against the names that are spelled by hand


@pytest.mark.parametrize(
    ("layout", "by_hand", "prefix"),
    [
        ("official", states.official, "backbone."),
        ("transformers in memory", states.transformers, "segformer."),
        ("timm", states.timm, ""),
        ("timm features", states.timm_features, ""),
        ("smp", states.smp, "encoder."),
        ("mmsegmentation", states.mmsegmentation, "backbone."),
    ],
)
def test_encoder_is_named_as_by_hand(layout, by_hand, prefix, trained):
    """An encoder alone goes without the prefix of a whole model."""
    ours = encoder_of(trained.state_dict())
    renamed = to_layout(ours, layout)
    assert_same({prefix + k: x for k, x in renamed.items()}, by_hand(ours))


@pytest.mark.parametrize(
    ("layout", "by_hand"),
    [
        ("official", states.official),
        ("transformers in memory", states.transformers),
        ("smp", states.smp),
        ("timm features", states.smp_with_timm),
    ],
)
def test_whole_model_is_named_as_by_hand(layout, by_hand, trained, model):
    expected = by_hand(trained.state_dict())
    assert_same(to_layout(trained.state_dict(), layout), expected)
    load_weights(model, expected)
    assert_same(model.state_dict(), trained.state_dict())


@pytest.mark.parametrize("prefix", ["", "backbone."])
def test_mmsegmentation_encoder(prefix, trained, model):
    state = states.mmsegmentation(encoder_of(trained.state_dict()))
    state = {prefix + k.removeprefix("backbone."): x for k, x in state.items()}
    report = load_weights(model, state)
    assert report.layout == "mmsegmentation"
    assert_same(model.encoder.state_dict(), trained.encoder.state_dict())


def test_mmsegmentation_attention_is_multi_head_attention(
    trained, tiny, randomize
):
    """The rows of in_proj are q, k, v, as torch's own attention has them."""
    attention = randomize(torch.nn.MultiheadAttention(32, 4, batch_first=True))
    state = to_layout(trained.encoder.state_dict(), "mmsegmentation")
    for name, x in attention.state_dict().items():
        state[f"layers.3.1.0.attn.attn.{name}"] = x
    encoder = MixTransformer(tiny)
    load_weights(encoder, state)
    x = torch.randn(1, 6, 32)
    expected = attention(x, x, x)[0]
    ours = encoder.stages[3].blocks[0].attn(x.view(1, 2, 3, 32))
    assert torch.allclose(ours.view(1, 6, 32), expected, atol=1e-5)


def test_the_fuse_weight_is_copied_unchanged(trained, model):
    """The order that no shape tells: swapped slices load, and differ."""
    state = to_layout(trained.state_dict(), "official")
    key = "decode_head.linear_fuse.conv.weight"
    load_weights(model, state)
    assert torch.equal(model.decoder.fuse.weight, state[key])
    slices = state[key].chunk(4, dim=1)
    load_weights(model, {**state, key: torch.cat(slices[::-1], dim=1)})
    images = torch.randn(1, 3, 64, 64)
    assert not torch.allclose(model(images), trained(images))


# Against the state dicts of the libraries


@pytest.mark.parametrize("place", ["memory", "disk"])
@pytest.mark.parametrize(
    ("kind", "dropped"),
    [
        ("SegformerForSemanticSegmentation", set()),
        ("SegformerModel", set()),
        (
            "SegformerForImageClassification",
            {"classifier.weight", "classifier.bias"},
        ),
    ],
)
def test_transformers(kind, dropped, place, model, randomize, tmp_path):
    library = pytest.importorskip("transformers", minversion="5")
    config = library.SegformerConfig(
        hidden_sizes=[8, 16, 24, 32],
        depths=[1, 2, 1, 1],
        num_attention_heads=[1, 2, 3, 4],
        decoder_hidden_size=20,
        num_labels=5,
    )
    theirs = randomize(getattr(library, kind)(config))
    source = theirs.state_dict()
    if place == "disk":
        theirs.save_pretrained(tmp_path)
        source = tmp_path / "model.safetensors"
    decoder = states.copied(model.decoder)
    report = load_weights(model, source)

    assert report.layout == (
        "transformers" if place == "disk" else "transformers in memory"
    )
    assert report.dropped.keys() == dropped
    ours = model.state_dict()
    if kind != "SegformerForSemanticSegmentation":
        assert set(report.kept) == {f"decoder.{name}" for name in decoder}
        assert_same(model.decoder.state_dict(), decoder)
        ours = encoder_of(ours)
    expected = {
        k: x for k, x in theirs.state_dict().items() if k not in dropped
    }
    named = states.transformers(ours)
    if kind == "SegformerModel":
        named = {k.removeprefix("segformer."): x for k, x in named.items()}
    assert_same(named, expected)
    if place == "disk" and not dropped:
        ours = ours if kind != "SegformerModel" else model.encoder.state_dict()
        assert_same(to_layout(ours, "transformers"), load_file(source))


@pytest.mark.parametrize("features_only", [False, True])
def test_timm(features_only, randomize):
    timm = pytest.importorskip("timm")
    theirs = timm.create_model(
        "pvt_v2_b0",
        embed_dims=(16, 32, 80, 128),
        num_heads=(1, 1, 2, 4),
        features_only=features_only,
    )
    state = randomize(theirs).state_dict()
    config = config_from_weights(state, num_heads=(1, 1, 2, 4))
    assert config.expansion_ratios == (8, 8, 4, 4)
    encoder = MixTransformer(config)
    report = load_weights(encoder, state)
    dropped = set() if features_only else {"head.weight", "head.bias"}
    assert report.dropped.keys() == dropped
    by_hand = states.timm_features if features_only else states.timm
    expected = {k: x for k, x in state.items() if k not in dropped}
    assert_same(by_hand(encoder.state_dict()), expected)


@pytest.mark.parametrize(
    ("encoder", "by_hand"),
    [("mit_b0", states.smp), ("tu-pvt_v2_b0", states.smp_with_timm)],
)
def test_smp(encoder, by_hand, randomize):
    smp = pytest.importorskip("segmentation_models_pytorch")
    theirs = smp.Segformer(
        encoder,
        encoder_weights=None,
        classes=5,
        decoder_segmentation_channels=24,
    )
    state = randomize(theirs).state_dict()
    model = SegFormer(config_from_weights(state))
    report = load_weights(model, state)
    assert report.loaded == len(model.state_dict())
    assert report.dropped == {}
    assert_same(by_hand(model.state_dict()), state)


# What has no place


@pytest.mark.parametrize("layout", ENCODERS_ONLY)
def test_layouts_without_our_decoder(layout, trained):
    with pytest.raises(WeightsError, match=r"no place.*model\.encoder"):
        to_layout(trained.state_dict(), layout)


def test_unknown_names(trained):
    with pytest.raises(ValueError, match="one of own, official, .* got 'tf'"):
        to_layout(trained.state_dict(), "tf")
    with pytest.raises(TypeError, match="expected a SegFormer.*got .* weight"):
        to_layout(torch.nn.Linear(2, 2).state_dict(), "official")
