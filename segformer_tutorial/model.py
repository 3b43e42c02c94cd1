"""SegFormer: the encoder and the decoder; from logits to labels."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from .config import PRESETS, SegFormerConfig
from .decoder import AllMLPDecoder, FoldedMLPDecoder, resize
from .encoder import MixTransformer


class SegFormer(nn.Module):
    """From images to logits at a quarter of their height and width.

    b in_channels h w -> b num_classes ceil(h / 4) ceil(w / 4)

    Published weights take RGB images, normalised as ImageNet's. Raises
    ValueError for images that the encoder does not take.
    """

    def __init__(self, config: SegFormerConfig):
        super().__init__()
        if not isinstance(config, SegFormerConfig):
            raise TypeError(
                f"config must be a SegFormerConfig, got {config!r}; for a "
                "preset's name use SegFormer.from_preset"
            )
        self.config = config
        self.encoder = MixTransformer(config)
        decoder = FoldedMLPDecoder if config.folded else AllMLPDecoder
        self.decoder = decoder(
            config.dims,
            dim=config.decoder_dim,
            num_classes=config.num_classes,
            dropout=config.dropout,
        )

    @classmethod
    def from_preset(cls, name: str, **changes) -> "SegFormer":
        """Build B0 to B5; `changes` replace fields of `SegFormerConfig`.

        Raises ValueError for a name that is not one of "b0" to "b5".
        """
        if name not in PRESETS:
            raise ValueError(
                f"preset must be one of {', '.join(PRESETS)}, got {name!r}"
            )
        return cls(replace(PRESETS[name], **changes))

    def forward(self, images: Tensor) -> Tensor:
        return self.decoder(self.encoder(images))


def labels_from_logits(
    logits: Tensor, size: Sequence[int], *, chunk_size: int = 32
) -> Tensor:
    """Resize the logits, then take the best class: b k h w -> b size.

    In this order, because labels cannot be averaged. At most `chunk_size`
    classes are held at full size: 32 of 150 take about a quarter of the
    memory, and for finite logits the labels are the same. Returns int64.
    Raises ValueError for logits of another shape.
    """
    if logits.ndim != 4 or not logits.shape[1]:
        raise ValueError(
            f"logits must be b k h w with k classes, at least one, "
            f"got shape {tuple(logits.shape)}"
        )
    if chunk_size < 1:
        raise ValueError(f"chunk_size must be at least 1, got {chunk_size}")
    best = labels = None
    for start in range(0, logits.shape[1], chunk_size):
        chunk = logits[:, start : start + chunk_size]
        # Half precision would round close logits to a tie.
        chunk = chunk.to(torch.promote_types(chunk.dtype, torch.float32))
        logit, label = resize(chunk, size).max(dim=1)
        label += start
        if best is None:
            best, labels = logit, label
        else:
            # Strictly better: on a tie the first class wins, as in argmax.
            labels = torch.where(logit > best, label, labels)
            best = torch.maximum(logit, best)
    return labels
