"""Compiled and exported models compute the same, at other sizes too."""

import shutil
import sys
import warnings
from dataclasses import replace

import pytest
import torch
from reference import relative_error

from segformer_tutorial import SegFormer
from segformer_tutorial.config import PER_STAGE

OTHER_SIZES = [(1, 64, 64), (2, 96, 160), (3, 75, 107), (1, 250, 131)]


GRAPHS = {}


@pytest.fixture(params=[True, False], ids=["folded", "published"])
def net(tiny, randomize, request) -> SegFormer:
    """One block a stage; two stages where the decoder alone is another one."""
    stages = 4 if request.param else 2
    shorter = {name: getattr(tiny, name)[:stages] for name in PER_STAGE}
    shorter["depths"] = (1,) * stages
    config = replace(tiny, **shorter, folded=request.param)
    return randomize(SegFormer(config)).eval()


@pytest.fixture
def graph(net) -> torch.export.ExportedProgram:
    """The net's graph, traced once: in each test it has the same weights."""
    if net.config not in GRAPHS:
        GRAPHS[net.config] = torch.export.export(
            net, (torch.randn(2, 3, 96, 128),), dynamic_shapes=(dynamic(),)
        )
    return GRAPHS[net.config]


def dynamic():
    """Batch, height and width; from 64 pixels on."""
    return {
        0: torch.export.Dim("batch", min=1, max=64),
        2: torch.export.Dim("height", min=64, max=4096),
        3: torch.export.Dim("width", min=64, max=4096),
    }


def check(net, run):
    for b, h, w in OTHER_SIZES:
        x = torch.randn(b, 3, h, w)
        with torch.no_grad():
            expected = net(x)
        out = run(x)
        assert out.shape == expected.shape
        assert relative_error(out, expected) < 1e-5


def test_compile_training_without_a_graph_break(net):
    """Forward and backward pass; this backend needs no compiler for C++."""
    net.train()
    x = torch.randn(2, 3, 64, 75)
    torch.manual_seed(1)
    expected = net(x)
    expected.square().mean().backward()
    gradients = {name: p.grad.clone() for name, p in net.named_parameters()}
    net.zero_grad()
    torch.compiler.reset()
    compiled = torch.compile(net, fullgraph=True, backend="aot_eager")
    torch.manual_seed(1)
    logits = compiled(x)
    assert relative_error(logits, expected) < 1e-5
    logits.square().mean().backward()
    largest = max(g.abs().max() for g in gradients.values())
    for name, p in net.named_parameters():
        error = (p.grad - gradients[name]).abs().max() / largest
        assert error < 1e-4, name


@pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("g++") is None,
    reason="inductor needs a compiler",
)
def test_compile_with_inductor(tiny, randomize):
    """Two stages of one block: compiling is slow."""
    two = {name: getattr(tiny, name)[:2] for name in PER_STAGE}
    config = replace(tiny, **two | {"depths": (1, 1)})
    net = randomize(SegFormer(config)).eval()
    torch.compiler.reset()
    compiled = torch.compile(net, fullgraph=True)
    x = torch.randn(2, 3, 64, 75)
    with torch.no_grad():
        assert relative_error(compiled(x), net(x)) < 1e-5


def test_export_with_any_batch_and_size(net, graph):
    check(net, graph.module())


def test_onnx_with_any_batch_and_size(net, graph, tmp_path):
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    path = tmp_path / "model.onnx"
    torch.onnx.export(
        graph,
        f=path,
        dynamo=True,
        input_names=["images"],
        output_names=["logits"],
        verbose=False,
    )
    session = onnxruntime.InferenceSession(path)
    check(
        net,
        lambda x: torch.from_numpy(
            session.run(["logits"], {"images": x.numpy()})[0]
        ),
    )


def test_traces_with_gradients_on(net):
    """The tracer checks its graph without gradients: both must agree."""
    x = torch.randn(1, 3, 64, 96)
    with warnings.catch_warnings():  # tracing is deprecated, and warns a lot
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(net, x)
    torch.testing.assert_close(traced(x), net(x))
