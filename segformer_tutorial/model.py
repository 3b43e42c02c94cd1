"""SegFormer: the encoder, the decoder, and labels for every pixel."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from .config import PRESETS, SegFormerConfig
from .decoder import AllMLPDecoder, resize
from .encoder import MixTransformer


class SegFormer(nn.Module):
    """Images in, one score per class at a quarter of the size out.

    b in_channels h w -> b num_classes ceil(h / 4) ceil(w / 4)
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
        self.decoder = AllMLPDecoder(
            config.dims,
            dim=config.decoder_dim,
            num_classes=config.num_classes,
            dropout=config.dropout,
        )

    @classmethod
    def from_preset(cls, name: str, **changes) -> "SegFormer":
        """Build B0 to B5; `changes` replace fields of `SegFormerConfig`."""
        if name not in PRESETS:
            raise ValueError(
                f"preset must be one of {', '.join(PRESETS)}, got {name!r}"
            )
        return cls(replace(PRESETS[name], **changes))

    def forward(self, images: Tensor) -> Tensor:
        return self.decoder(self.encoder(images))

    def predict(self, images: Tensor, *, chunk_size: int = 32) -> Tensor:
        """Label every pixel: b in_channels h w -> b h w, integers.

        The images are what the encoder takes: RGB, and for published weights
        normalised (`data.normalize`). The scores are resized to the images'
        size `chunk_size` classes at a time. Raises RuntimeError in training
        mode, where dropout would make the labels random and BatchNorm would
        learn from the images.
        """
        if self.training:
            raise RuntimeError(
                "predict needs evaluation mode, got a model in training "
                "mode: call model.eval() first"
            )
        with torch.no_grad():
            return labels_from_logits(
                self(images), images.shape[2:], chunk_size=chunk_size
            )


def labels_from_logits(
    logits: Tensor, size: Sequence[int], *, chunk_size: int = 32
) -> Tensor:
    """Resize the scores, then take the best class: b k h w -> b size.

    In this order, because labels cannot be averaged. At most `chunk_size`
    classes are held at full size: 32 of 150 take about a quarter of the
    memory, and for finite scores the labels are the same.
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
        # Half precision would round close scores to a tie.
        chunk = chunk.to(torch.promote_types(chunk.dtype, torch.float32))
        score, label = resize(chunk, size).max(dim=1)
        label += start
        if best is None:
            best, labels = score, label
        else:
            # Strictly better: on a tie the first class wins, as in argmax.
            labels = torch.where(score > best, label, labels)
            best = torch.maximum(score, best)
    return labels
