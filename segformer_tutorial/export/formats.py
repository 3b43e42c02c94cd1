"""A graph as the bytes of a file, and a file's bytes as a function."""

import importlib
import io
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..weights.files import one_line
from .verify import ExportError

OPSETS = range(18, 24)  # of the ONNX operators that torch.onnx writes
OPSET = 20  # its default; the first with GELU
LIMIT = 2**31 - 1  # bytes that one file of ONNX can hold
Run = Callable[[Tensor], Tensor]


def check_packages(format: str) -> None:
    """Raise ImportError, before the work, for what is missing or too old."""
    if tuple(map(int, torch.__version__.split(".")[:2])) < (2, 11):
        raise ImportError(f"torch 2.11 is needed, got {torch.__version__}")
    if format == "onnx":
        for name in ("onnx", "onnxruntime", "onnxscript"):
            importlib.import_module(name)


def to_onnx(
    program: torch.export.ExportedProgram,
    metadata: Mapping[str, str],
    *,
    output: str,
    opset: int = OPSET,
) -> bytes:
    """Write a graph as ONNX, with its weights inside.

    Raises ExportError for weights that one file cannot hold, for what torch
    cannot write, and where another opset than the one asked for comes out.
    """
    size = sum(x.nbytes for x in program.state_dict.values())
    if size > LIMIT * 0.95:  # the rest is for the graph
        raise ExportError(
            f"the weights have {size:,} bytes, and one ONNX file holds "
            f"{LIMIT:,}: write half of them with float16, or another format"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter about itself
        try:
            onnx_program = torch.onnx.export(
                program,
                dynamo=True,
                opset_version=opset,
                input_names=["images"],
                output_names=[output],
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            raise ExportError(f"torch.onnx: {one_line(error)}") from error
    model = onnx_program.model_proto
    found = {x.domain: x.version for x in model.opset_import}.get("")
    if found != opset:
        raise ExportError(f"opset {opset} was asked for, torch wrote {found}")
    return finish(model, metadata)


def finish(model: Any, metadata: Mapping[str, str]) -> bytes:
    """Name the open sides, add metadata, drop what only a debugger reads.

    The exporter notes at each node the lines of source that it comes from,
    with the paths of this machine.
    """
    import onnx

    graph = model.graph
    for node in graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for x in (*graph.input, *graph.output, *graph.initializer):
        del x.metadata_props[:]
    del graph.value_info[:]
    for x in (*graph.input, *graph.output):
        names: tuple[str, ...] = ("batch", "", "height", "width")
        if x.name == "labels":
            names = ("batch", "height", "width")
        elif x.name == "logits":
            names = ("batch", "", "(height + 3) // 4", "(width + 3) // 4")
        for dim, name in zip(x.type.tensor_type.shape.dim, names, strict=True):
            if name:
                dim.dim_param = name
    used = {node.domain for node in graph.node}
    kept = [x for x in model.opset_import if x.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    onnx.helper.set_model_props(model, dict(metadata))
    return model.SerializeToString(deterministic=True)


def run_onnx(content: bytes) -> Run:
    """The file in onnxruntime, on the CPU. Raises ExportError."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4  # what fails is raised as well
    try:
        session = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # its errors have no class in common
        raise ExportError(
            f"onnxruntime {onnxruntime.__version__} cannot read the exported "
            f"file: {one_line(error)}"
        ) from error

    def run(images: Tensor) -> Tensor:
        return torch.from_numpy(
            session.run(None, {"images": images.numpy()})[0]
        )

    return run


def to_torch(
    program: torch.export.ExportedProgram, metadata: Mapping[str, str]
) -> bytes:
    """Write a graph as torch.export's .pt2; the metadata are extra files."""
    buffer = io.BytesIO()
    torch.export.save(program, buffer, extra_files=dict(metadata))
    return buffer.getvalue()


def run_torch(content: bytes) -> Run:
    """The file as torch.export reads it."""
    network = torch.export.load(io.BytesIO(content)).module()

    @torch.no_grad()
    def run(images: Tensor) -> Tensor:
        return network(images)

    return run
