"""The hyper-parameters of SegFormer: one dataclass and the presets B0-B5."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SegFormerConfig:
    """The hyper-parameters of a SegFormer; the defaults are those of B0.

    The first seven fields have one entry per stage. `reduction_ratios` are
    ratios of sides: a ratio of 8 merges 8 x 8 tokens into one, which the
    paper's text writes as R = 64. With `layer_norm_eps=None` every LayerNorm
    has the official code's eps (1e-6 in the blocks and after each stage, 1e-5
    elsewhere); a number replaces all of them (`transformers` computes with
    1e-5). `folded` chooses the decoder: `FoldedMLPDecoder`, or the published
    `AllMLPDecoder` with the same parameters.

    Raises ValueError for values that no SegFormer can have.
    Source: Table 6 of arXiv 2105.15203, with the depths and the expansion
    ratios of the official code.
    """

    dims: tuple[int, ...] = (32, 64, 160, 256)
    depths: tuple[int, ...] = (2, 2, 2, 2)
    num_heads: tuple[int, ...] = (1, 2, 5, 8)
    reduction_ratios: tuple[int, ...] = (8, 4, 2, 1)
    expansion_ratios: tuple[float, ...] = (4, 4, 4, 4)
    patch_sizes: tuple[int, ...] = (7, 3, 3, 3)
    strides: tuple[int, ...] = (4, 2, 2, 2)
    decoder_dim: int = 256
    num_classes: int = 150
    in_channels: int = 3
    drop_path: float = 0.1
    dropout: float = 0.1
    layer_norm_eps: float | None = None
    folded: bool = True

    def __post_init__(self):
        for name in PER_STAGE:  # JSON has lists and no tuples
            if isinstance(values := getattr(self, name), list):
                object.__setattr__(self, name, tuple(values))
        check_config(self)


PER_STAGE = (
    "dims",
    "depths",
    "num_heads",
    "reduction_ratios",
    "expansion_ratios",
    "patch_sizes",
    "strides",
)


def check_config(config: SegFormerConfig) -> None:
    """Raise ValueError for values that no SegFormer can have."""
    if not isinstance(config.dims, tuple) or not config.dims:
        raise ValueError(
            f"dims must have one entry per stage, got {config.dims!r}"
        )
    stages = len(config.dims)
    for name in PER_STAGE:
        values = getattr(config, name)
        kinds: tuple[type, ...] = (int,)
        word = "integers"
        if name == "expansion_ratios":
            kinds, word = (int, float), "numbers"
        if (
            not isinstance(values, tuple)
            or len(values) != stages
            or not all(is_number(v, *kinds) and v > 0 for v in values)
        ):
            raise ValueError(
                f"{name} must hold {stages} positive {word}, one per entry "
                f"of dims, got {values!r}"
            )
    for dim, heads in zip(config.dims, config.num_heads, strict=True):
        if dim % heads:
            raise ValueError(
                f"num_heads must divide dims stage by stage, "
                f"got {heads} heads for a width of {dim}"
            )
    for name in ("decoder_dim", "num_classes", "in_channels"):
        value = getattr(config, name)
        if not is_number(value, int) or value < 1:
            raise ValueError(
                f"{name} must be a positive integer, got {value!r}"
            )
    for name in ("drop_path", "dropout"):
        rate = getattr(config, name)
        if not is_number(rate, int, float) or not 0 <= rate < 1:
            raise ValueError(f"{name} must lie in [0, 1), got {rate!r}")
    eps = config.layer_norm_eps
    if eps is not None and (not is_number(eps, int, float) or not eps > 0):
        raise ValueError(
            f"layer_norm_eps must be positive or None, got {eps!r}"
        )
    if not isinstance(config.folded, bool):
        raise ValueError(f"folded must be True or False, got {config.folded!r}")


def is_number(value: object, *kinds: type) -> bool:
    """Whether it is of one of these types; True and False are no numbers."""
    return isinstance(value, kinds) and not isinstance(value, bool)


WIDE = (64, 128, 320, 512)  # the dims of B1 to B5

PRESETS = {
    "b0": SegFormerConfig(),
    "b1": SegFormerConfig(dims=WIDE),
    "b2": SegFormerConfig(dims=WIDE, depths=(3, 4, 6, 3), decoder_dim=768),
    "b3": SegFormerConfig(dims=WIDE, depths=(3, 4, 18, 3), decoder_dim=768),
    "b4": SegFormerConfig(dims=WIDE, depths=(3, 8, 27, 3), decoder_dim=768),
    "b5": SegFormerConfig(dims=WIDE, depths=(3, 6, 40, 3), decoder_dim=768),
}
