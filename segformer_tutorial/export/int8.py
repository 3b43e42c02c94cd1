"""Weights and activations of 8 bits, by onnxruntime's static quantisation."""

import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from .formats import finish

LAYERS = ["Conv", "MatMul"]  # those with weights; attention stays float


def quantize(
    content: bytes, pictures: Sequence[Tensor], metadata: Mapping[str, str]
) -> bytes:
    """Quantise an ONNX file to int8 by what it computes for the pictures.

    pictures: `b c h w`, uint8, from which the range of every activation is
    taken. Each output channel of a layer has a scale of its own. Weights use
    7 of the 8 bits, because a CPU without VNNI instructions adds two products
    in 16 bits, and with 8 bits that sum is clipped in silence.
    """
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Pictures(quantization.CalibrationDataReader):
        def __init__(self):
            self.rest = iter(pictures)

        def get_next(self):
            images = next(self.rest, None)
            return None if images is None else {"images": images.numpy()}

    logger = logging.getLogger()
    level = logger.level
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"{name}.onnx") for name in ("32", "folded", "8")]
        float32, folded, int8 = paths
        float32.write_bytes(content)
        logger.setLevel(logging.ERROR)  # it warns of each LayerNorm
        try:
            # This computes the products of weights in the folded decoder.
            quant_pre_process(float32, folded, skip_symbolic_shape=True)
            quantization.quantize_static(
                folded,
                int8,
                Pictures(),
                op_types_to_quantize=LAYERS,
                per_channel=True,
                reduce_range=True,
            )
        finally:
            logger.setLevel(level)
        return finish(onnx.load(int8), metadata)
