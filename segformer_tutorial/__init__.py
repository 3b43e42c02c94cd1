"""SegFormer (arXiv 2105.15203), built from the bottom up."""

from .attention import EfficientSelfAttention
from .config import PRESETS, SegFormerConfig
from .decoder import AllMLPDecoder, FoldedMLPDecoder, resize
from .encoder import (
    DropPath,
    MixTransformer,
    MixTransformerStage,
    TransformerBlock,
)
from .mix_ffn import MixFFN
from .model import SegFormer, labels_from_logits
from .patch_embedding import OverlapPatchEmbedding

__version__ = "0.1.0"
__all__ = [
    "PRESETS",
    "AllMLPDecoder",
    "DropPath",
    "EfficientSelfAttention",
    "FoldedMLPDecoder",
    "MixFFN",
    "MixTransformer",
    "MixTransformerStage",
    "OverlapPatchEmbedding",
    "SegFormer",
    "SegFormerConfig",
    "TransformerBlock",
    "labels_from_logits",
    "resize",
]
