"""The numbers that make a SegFormer: one dataclass and the table B0-B5."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SegFormerConfig:
    """Everything that tells one SegFormer from another; the default is B0.

    The first seven fields have one entry per stage. `reduction_ratios` are
    ratios of sides: a ratio of 8 merges 8 x 8 positions into one, which the
    paper's text writes as R = 64. `layer_norm_eps=None` is the official
    code's mixture (1e-6 in the blocks and after a stage, 1e-5 elsewhere); a
    number replaces all of them (1e-5 is what `transformers` computes).

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
        for name in PER_STAGE:  # a list, as from JSON, becomes a tuple
            object.__setattr__(self, name, tuple(getattr(self, name)))
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
    """Raise ValueError for numbers that no SegFormer can have."""
    stages = len(config.dims)
    if not stages:
        raise ValueError("dims must have an entry per stage, got none")
    for name in PER_STAGE:
        values = getattr(config, name)
        kind = (int, float) if name == "expansion_ratios" else int
        if len(values) != stages or not all(
            isinstance(v, kind) and v > 0 for v in values
        ):
            raise ValueError(
                f"{name} must hold {stages} positive numbers, one for "
                "each entry of dims, whole ones but for expansion_ratios, "
                f"got {values}"
            )
    for dim, heads in zip(config.dims, config.num_heads, strict=True):
        if dim % heads:
            raise ValueError(
                f"num_heads must divide dims stage by stage, "
                f"got {heads} heads for a width of {dim}"
            )
    for name in ("decoder_dim", "num_classes", "in_channels"):
        value = getattr(config, name)
        if not isinstance(value, int) or value < 1:
            raise ValueError(
                f"{name} must be at least 1 and whole, got {value!r}"
            )
    if config.layer_norm_eps is not None and not config.layer_norm_eps > 0:
        raise ValueError(
            f"layer_norm_eps must be positive or None, "
            f"got {config.layer_norm_eps}"
        )
    for name in ("drop_path", "dropout"):
        if not 0 <= getattr(config, name) < 1:
            raise ValueError(
                f"{name} must lie in [0, 1), got {getattr(config, name)}"
            )


WIDE = {"dims": (64, 128, 320, 512)}

PRESETS = {
    "b0": SegFormerConfig(),
    "b1": SegFormerConfig(**WIDE),
    "b2": SegFormerConfig(**WIDE, depths=(3, 4, 6, 3), decoder_dim=768),
    "b3": SegFormerConfig(**WIDE, depths=(3, 4, 18, 3), decoder_dim=768),
    "b4": SegFormerConfig(**WIDE, depths=(3, 8, 27, 3), decoder_dim=768),
    "b5": SegFormerConfig(**WIDE, depths=(3, 6, 40, 3), decoder_dim=768),
}
