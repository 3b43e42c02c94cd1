"""Weights of 8 bits, by onnxruntime's dynamic quantisation."""

import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path

from .formats import finish


def quantize(content: bytes, metadata: Mapping[str, str]) -> bytes:
    """Quantise the linear layers of an ONNX file to int8.

    Their inputs are quantised too, by the range that they have in each
    picture, so that no pictures are needed here; convolutions and the products
    within attention stay float32. Each output channel has a scale of its own.
    Weights use 7 of the 8 bits, because a CPU without VNNI instructions adds
    two products in 16 bits, and with 8 bits that sum is clipped in silence.
    """
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    logger = logging.getLogger()
    level = logger.level
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"{name}.onnx") for name in ("32", "folded", "8")]
        float32, folded, int8 = paths
        float32.write_bytes(content)
        logger.setLevel(logging.ERROR)  # it tells how it could be called
        try:
            # This computes the products of weights in the folded decoder.
            quant_pre_process(float32, folded, skip_symbolic_shape=True)
            quantization.quantize_dynamic(
                folded,
                int8,
                op_types_to_quantize=["MatMul"],
                per_channel=True,
                reduce_range=True,
            )
        finally:
            logger.setLevel(level)
        return finish(onnx.load(int8), metadata)
