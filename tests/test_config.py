"""The table B0-B5, and what a config refuses."""

import json
from dataclasses import FrozenInstanceError, asdict, replace

import pytest

from segformer_tutorial import PRESETS, SegFormerConfig
from segformer_tutorial.config import PER_STAGE

NARROW, WIDE = (32, 64, 160, 256), (64, 128, 320, 512)


def message(error: pytest.ExceptionInfo) -> str:
    return str(error.value)


def kind(name: str) -> str:
    """The expansion ratios are the only ones that need not be integers."""
    return "numbers" if name == "expansion_ratios" else "integers"


@pytest.mark.parametrize(
    ("name", "dims", "depths", "decoder_dim"),
    [
        ("b0", NARROW, (2, 2, 2, 2), 256),
        ("b1", WIDE, (2, 2, 2, 2), 256),
        ("b2", WIDE, (3, 4, 6, 3), 768),
        ("b3", WIDE, (3, 4, 18, 3), 768),
        ("b4", WIDE, (3, 8, 27, 3), 768),
        ("b5", WIDE, (3, 6, 40, 3), 768),
    ],
)
def test_presets_are_the_published_ones(name, dims, depths, decoder_dim):
    assert PRESETS[name] == SegFormerConfig(
        dims=dims,
        depths=depths,
        num_heads=(1, 2, 5, 8),
        reduction_ratios=(8, 4, 2, 1),
        expansion_ratios=(4, 4, 4, 4),
        patch_sizes=(7, 3, 3, 3),
        strides=(4, 2, 2, 2),
        decoder_dim=decoder_dim,
        num_classes=150,
        in_channels=3,
        drop_path=0.1,
        dropout=0.1,
        layer_norm_eps=None,
        folded=True,
    )


def test_there_are_six_presets_and_the_default_is_the_first():
    assert list(PRESETS) == ["b0", "b1", "b2", "b3", "b4", "b5"]
    assert PRESETS["b0"] == SegFormerConfig()


@pytest.mark.parametrize("name", PRESETS)
def test_heads_are_equally_wide_in_every_stage(name):
    """32 channels in B0, 64 in the others."""
    config = PRESETS[name]
    widths = {
        dim / heads
        for dim, heads in zip(config.dims, config.num_heads, strict=True)
    }
    assert widths == {32 if name == "b0" else 64}


@pytest.mark.parametrize("name", PRESETS)
def test_json_round_trip_gives_the_same_config(name):
    """JSON knows lists only; they become tuples, so the config has a hash."""
    preset = PRESETS[name]
    fields = json.loads(json.dumps(asdict(preset)))
    assert isinstance(fields["dims"], list)
    config = SegFormerConfig(**fields)
    assert config == preset
    assert hash(config) == hash(preset)
    assert all(isinstance(getattr(config, name), tuple) for name in PER_STAGE)


def test_config_is_frozen():
    config = SegFormerConfig()
    with pytest.raises(FrozenInstanceError):
        config.num_classes = 19
    assert config.num_classes == 150


def test_fields_are_given_by_name():
    with pytest.raises(TypeError, match="positional"):
        SegFormerConfig((32, 64, 160, 256))


def test_replace_changes_one_field_and_leaves_the_preset():
    changed = replace(PRESETS["b2"], num_classes=19)
    assert changed.num_classes == 19
    assert replace(changed, num_classes=150) == PRESETS["b2"]
    assert PRESETS["b2"].num_classes == 150


def test_replace_checks_as_the_constructor_does():
    with pytest.raises(ValueError, match="num_classes"):
        replace(PRESETS["b2"], num_classes=0)


def test_fewer_stages_are_fine():
    changes = {name: getattr(SegFormerConfig(), name)[:2] for name in PER_STAGE}
    assert SegFormerConfig(**changes).dims == (32, 64)


@pytest.mark.parametrize("name", [n for n in PER_STAGE if n != "dims"])
@pytest.mark.parametrize("length", [3, 5])
def test_wrong_length(name, length):
    values = (1,) * length
    with pytest.raises(ValueError) as error:
        SegFormerConfig(**{name: values})
    assert f"{name} must hold 4 positive {kind(name)}" in message(error)
    assert f"got {values}" in message(error)


def test_wrong_length_of_dims():
    """Every other field has four entries, and the first one is named."""
    with pytest.raises(ValueError) as error:
        SegFormerConfig(dims=(32, 64, 160))
    assert "depths must hold 3 positive integers" in message(error)
    assert "got (2, 2, 2, 2)" in message(error)


@pytest.mark.parametrize("name", PER_STAGE)
@pytest.mark.parametrize("bad", [0, -1])
def test_entry_that_is_not_positive(name, bad):
    values = (*getattr(SegFormerConfig(), name)[:3], bad)
    with pytest.raises(ValueError) as error:
        SegFormerConfig(**{name: values})
    assert f"{name} must hold 4 positive {kind(name)}" in message(error)
    assert f"got {values}" in message(error)


def test_heads_that_do_not_divide_the_width():
    with pytest.raises(ValueError) as error:
        SegFormerConfig(num_heads=(1, 2, 3, 8))
    assert "num_heads must divide dims" in message(error)
    assert "got 3 heads for a width of 160" in message(error)


@pytest.mark.parametrize("name", ["decoder_dim", "num_classes", "in_channels"])
@pytest.mark.parametrize("bad", [0, -3])
def test_number_below_one(name, bad):
    with pytest.raises(ValueError) as error:
        SegFormerConfig(**{name: bad})
    assert f"{name} must be a positive integer" in message(error)
    assert f"got {bad}" in message(error)


@pytest.mark.parametrize("name", ["drop_path", "dropout"])
@pytest.mark.parametrize("bad", [-0.1, 1, 1.5, float("nan"), "0.1", False])
def test_rate_out_of_range(name, bad):
    with pytest.raises(ValueError) as error:
        SegFormerConfig(**{name: bad})
    assert f"{name} must lie in [0, 1)" in message(error)
    assert f"got {bad!r}" in message(error)


@pytest.mark.parametrize("bad", [0.0, -1e-6, "1e-5", True])
def test_eps_that_is_not_positive(bad):
    with pytest.raises(ValueError, match=f"positive or None, got {bad!r}"):
        SegFormerConfig(layer_norm_eps=bad)


def test_no_stages():
    none = dict.fromkeys(PER_STAGE, ())
    with pytest.raises(ValueError, match=r"one entry per stage, got \(\)"):
        SegFormerConfig(**none)


@pytest.mark.parametrize("name", PER_STAGE)
def test_one_number_for_all_stages(name):
    with pytest.raises(ValueError, match=f"{name} must .* per .*got 8$"):
        SegFormerConfig(**{name: 8})


@pytest.mark.parametrize("bad", [1, None, "no"])
def test_folded_is_true_or_false(bad):
    with pytest.raises(ValueError, match=f"True or False, got {bad!r}"):
        SegFormerConfig(folded=bad)


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("num_classes", 2.5),
        ("num_classes", "19"),
        ("num_classes", True),
        ("depths", (True, 2, 2, 2)),
        ("depths", (2.0, 2, 2, 2)),
        ("dims", (32, "64", 160, 256)),
    ],
)
def test_numbers_that_are_not_integers(name, bad):
    with pytest.raises(ValueError, match=f"{name} must .*positive integer"):
        SegFormerConfig(**{name: bad})
