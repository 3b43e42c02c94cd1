"""Who is timed: one network, the same weights, in several implementations."""

import copy
from collections.abc import Callable
from pathlib import Path

import torch
import transformers
from torch import Tensor, nn

from segformer_tutorial import PRESETS, SegFormer
from segformer_tutorial.linear import PointwiseLinear
from segformer_tutorial.weights import load_weights
from segformer_tutorial.weights.layouts import to_layout

OURS = "this package"
PLAIN = "this package with nn.Linear"
HF = "transformers"
COMPILED = "transformers, compiled"
SMP = "smp"
EAGER = (OURS, HF, COMPILED, SMP, PLAIN)
# A runtime and whose network it was given, exported by torch.onnx.
EXPORTED = {
    "transformers in onnxruntime": ("onnxruntime", HF),
    "transformers in OpenVINO": ("openvino", HF),
    "this package in onnxruntime": ("onnxruntime", OURS),
    "this package in OpenVINO": ("openvino", OURS),
}
Run = Callable[[], Tensor]


def build(preset: str, names: list[str]) -> dict[str, nn.Module]:
    """The named networks in PyTorch, all with the same random weights."""
    config = PRESETS[preset]
    torch.manual_seed(0)
    theirs = transformers.SegformerForSemanticSegmentation(
        transformers.SegformerConfig(
            hidden_sizes=list(config.dims),
            depths=list(config.depths),
            num_attention_heads=list(config.num_heads),
            decoder_hidden_size=config.decoder_dim,
            num_labels=config.num_classes,
        )
    )
    ours = SegFormer.from_preset(preset)
    load_weights(ours, theirs.state_dict())
    models = {OURS: ours, HF: theirs}
    if PLAIN in names:
        models[PLAIN] = copy.deepcopy(ours)
        for module in models[PLAIN].modules():
            if isinstance(module, PointwiseLinear):
                module.__class__ = nn.Linear
    if COMPILED in names:
        models[COMPILED] = torch.compile(theirs, dynamic=False)
    if SMP in names:
        models[SMP] = smp_model(preset, ours)
    return {name: models[name] for name in names}


def smp_model(preset: str, ours: SegFormer) -> nn.Module:
    """The network of segmentation_models_pytorch, with our weights."""
    import segmentation_models_pytorch as smp

    model = smp.Segformer(
        f"mit_{preset}",
        encoder_weights=None,
        classes=ours.config.num_classes,
        decoder_segmentation_channels=ours.config.decoder_dim,
    )
    # Its last layer resizes the logits by 4; the others leave that out.
    model.segmentation_head[1] = nn.Identity()
    model.load_state_dict(to_layout(ours.state_dict(), "smp"))
    return model


def logits(output) -> Tensor:
    """The logits of a network's output, whoever wrote it."""
    return getattr(output, "logits", output)


def forward(model: nn.Module, images: Tensor) -> Run:
    """A forward pass without gradients, ready to be timed."""

    def run() -> Tensor:
        with torch.inference_mode():
            return logits(model(images))

    return run


class Logits(nn.Module):
    """A network whose output is the logits, for export."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        return logits(self.model(images))


def export(model: nn.Module, size: int, path: Path) -> None:
    """Write ONNX for one image of `size` x `size`, as torch.onnx makes it."""
    torch.onnx.export(
        Logits(model).eval(),
        (torch.randn(1, 3, size, size),),
        path,
        dynamo=True,
        input_names=["images"],
        output_names=["logits"],
        verbose=False,
    )


def in_onnxruntime(path: Path, images: Tensor) -> Run:
    """The exported network in onnxruntime, on as many threads as PyTorch."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    # Its threads would go on spinning in the turn of the next contender.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(
        path, options, providers=["CPUExecutionProvider"]
    )
    feed = {"images": images.numpy()}
    return lambda: torch.from_numpy(session.run(["logits"], feed)[0])


def in_openvino(path: Path, images: Tensor) -> Run:
    """The exported network in OpenVINO, on as many threads as PyTorch."""
    import openvino

    network = openvino.compile_model(
        openvino.convert_model(path),
        "CPU",
        {
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": "LATENCY",
        },
    )
    feed = [images.numpy()]
    return lambda: torch.from_numpy(network(feed)[0].copy())


RUNTIMES = {"onnxruntime": in_onnxruntime, "openvino": in_openvino}
