"""Both decoders against an independent form, and what can be done to them."""

import copy
import math
import warnings

import pytest
import torch
import torch.nn.functional as F
from reference import relative_error, textbook_decoder
from torch import nn
from torch.nn.utils import parametrizations, prune

from segformer_tutorial import AllMLPDecoder, FoldedMLPDecoder, decoder, resize
from segformer_tutorial.decoder import CHANNELS_AT_ONCE

DIMS = (6, 10, 14, 18)

kinds = pytest.mark.parametrize("kind", [AllMLPDecoder, FoldedMLPDecoder])


def make_decoder(kind=FoldedMLPDecoder, dropout=0.0, dim=12):
    return kind(DIMS, dim=dim, num_classes=7, dropout=dropout)


def make_maps(h, w, batch=2, requires_grad=False, dtype=torch.float64):
    return [
        torch.randn(
            batch,
            dim,
            math.ceil(h / stride),
            math.ceil(w / stride),
            dtype=dtype,
            requires_grad=requires_grad,
        )
        for dim, stride in zip(DIMS, (4, 8, 16, 32), strict=True)
    ]


def loss_of(logits):
    """Cross entropy with some void pixels."""
    generator = torch.Generator().manual_seed(3)
    shape = (logits.shape[0], *logits.shape[2:])
    labels = torch.randint(7, shape, generator=generator)
    labels[:, :2] = 255
    return F.cross_entropy(logits, labels, ignore_index=255)


@kinds
@pytest.mark.parametrize("size", [(64, 96), (75, 107), (33, 250), (32, 32)])
@pytest.mark.parametrize(
    ("training", "dropout"), [(False, 0.0), (True, 0.0), (True, 0.5)]
)
def test_equals_the_published_form(kind, size, training, dropout, randomize):
    """Logits, loss, all gradients, and what BatchNorm has learnt.

    With dropout too: from the same seed both drop the same channels.
    """
    ours = randomize(make_decoder(kind, dropout)).double().train(training)
    theirs = copy.deepcopy(ours)
    our_maps = make_maps(*size, requires_grad=True)
    their_maps = [m.detach().clone().requires_grad_() for m in our_maps]

    torch.manual_seed(1)
    our_logits = ours(our_maps)
    torch.manual_seed(1)
    their_logits = textbook_decoder(theirs, their_maps)
    assert our_logits.shape == their_logits.shape
    assert relative_error(our_logits, their_logits) < 1e-12

    our_loss, their_loss = loss_of(our_logits), loss_of(their_logits)
    assert abs(our_loss / their_loss - 1) < 1e-12
    our_loss.backward()
    their_loss.backward()

    def gradients(decoder, maps):
        found = {name: p.grad for name, p in decoder.named_parameters()}
        return found | {f"map {i}": m.grad for i, m in enumerate(maps)}

    expected = gradients(theirs, their_maps)
    # Some are zero but for rounding: BatchNorm takes constants away.
    largest = max(g.abs().max() for g in expected.values())
    assert largest > 1e-3
    for name, gradient in gradients(ours, our_maps).items():
        error = (gradient - expected[name]).abs().max() / largest
        assert error < 1e-12, name

    for name in ("running_mean", "running_var", "num_batches_tracked"):
        torch.testing.assert_close(
            getattr(ours.norm, name),
            getattr(theirs.norm, name),
            rtol=1e-12,
            atol=1e-12,
        )


@kinds
@pytest.mark.parametrize("size", [(64, 96), (75, 107)])
def test_equals_the_published_form_in_single_precision(kind, size, randomize):
    net = randomize(make_decoder(kind)).eval()
    maps = make_maps(*size, dtype=torch.float32)
    expected = textbook_decoder(net, maps)
    assert relative_error(net(maps), expected) < 2e-6


@kinds
@pytest.mark.parametrize("n", [1, 2, 3])
def test_equals_the_published_form_with_fewer_maps(kind, n, randomize):
    net = kind(DIMS[:n], dim=12, num_classes=7)
    randomize(net).double().eval()
    maps = make_maps(75, 107)[:n]
    expected = textbook_decoder(net, maps)
    assert relative_error(net(maps), expected) < 1e-12


@kinds
def test_maps_are_left_as_they_are(kind, randomize):
    """The fold adds and applies the ReLU in place, on its own tensors."""
    net = randomize(make_decoder(kind)).eval()
    maps = make_maps(64, 64, dtype=torch.float32)
    before = [m.clone() for m in maps]
    for grad in (True, False):
        with torch.set_grad_enabled(grad):
            net(maps)
    for map_, copied in zip(maps, before, strict=True):
        assert torch.equal(map_, copied)


C = CHANNELS_AT_ONCE


@pytest.mark.parametrize(
    ("dim", "chunks"),
    [
        (12, [12]),
        (C - 1, [C - 1]),
        (C, [C]),
        (C + 1, [C, 1]),
        (2 * C, [C, C]),
        (2 * C + 5, [C, C, 5]),
    ],
)
def test_chunks_of_channels_do_not_change_the_logits(
    dim, chunks, monkeypatch, randomize
):
    """Without gradients each upsampled map is made a few channels at a time."""
    net = randomize(make_decoder(dim=dim)).double().eval()
    maps = make_maps(75, 107)
    expected = net(maps)
    assert relative_error(expected, textbook_decoder(net, maps)) < 1e-12
    sizes = []

    def spy(x, size):
        sizes.append(x.shape[1])
        return resize(x, size)

    monkeypatch.setattr(decoder, "resize", spy)
    with torch.no_grad():
        logits = net(maps)
    assert sizes == 3 * chunks
    assert relative_error(logits, expected) < 1e-12


@kinds
@pytest.mark.parametrize(
    ("dims", "dim", "classes", "count"),
    [
        ((32, 64, 160, 256), 256, 150, 433_302),
        ((64, 128, 320, 512), 256, 150, 564_374),
        ((64, 128, 320, 512), 768, 150, 3_265_686),
    ],
)
def test_parameters_are_the_published_ones(kind, dims, dim, classes, count):
    """Folding happens in the forward pass: what is stored does not change."""
    with torch.device("meta"):
        net = kind(dims, dim=dim, num_classes=classes)
    shapes = {name: tuple(p.shape) for name, p in net.named_parameters()}
    expected = {
        "fuse.weight": (dim, 4 * dim, 1, 1),
        "norm.weight": (dim,),
        "norm.bias": (dim,),
        "classify.weight": (classes, dim, 1, 1),
        "classify.bias": (classes,),
    }
    for i, c in enumerate(dims):
        expected[f"unify.{i}.weight"] = (dim, c)
        expected[f"unify.{i}.bias"] = (dim,)
    assert shapes == expected
    assert sum(p.numel() for p in net.parameters()) == count


def test_both_decoders_start_with_the_same_values():
    torch.manual_seed(1)
    plain = make_decoder(AllMLPDecoder)
    torch.manual_seed(1)
    folded = make_decoder(FoldedMLPDecoder)
    assert list(plain.state_dict()) == list(folded.state_dict())
    for a, b in zip(
        plain.state_dict().values(), folded.state_dict().values(), strict=True
    ):
        assert torch.equal(a, b)


@kinds
def test_first_slice_of_the_fusion_meets_the_deepest_map(kind, randomize):
    """A wrong order would load published weights without a word."""
    net = randomize(make_decoder(kind)).eval()
    maps = make_maps(64, 96, dtype=torch.float32)
    with torch.no_grad():
        net.fuse.weight[:, 12:] = 0
    expected = net(maps)
    others = [torch.randn_like(m) for m in maps[:3]]
    torch.testing.assert_close(net([*others, maps[3]]), expected)
    assert not torch.allclose(
        net([*maps[:3], torch.randn_like(maps[3])]), expected
    )


@kinds
def test_dropout_takes_whole_channels(kind, randomize):
    net = randomize(make_decoder(kind, dropout=0.5, dim=64)).train()
    seen = []
    net.classify.register_forward_pre_hook(
        lambda _, args: seen.append(args[0].detach())
    )
    net(make_maps(64, 64, dtype=torch.float32))
    net.eval()
    net(make_maps(64, 64, dtype=torch.float32))
    dropped, kept = (
        (x == 0).flatten(2).all(dim=2).float().mean().item() for x in seen
    )
    assert dropped == pytest.approx(0.5, abs=0.12)
    assert kept < 0.1  # the ReLU alone


def test_rate_of_dropout_is_a_tenth_unless_given():
    assert AllMLPDecoder(DIMS, dim=8, num_classes=2).dropout.p == 0.1
    assert isinstance(make_decoder(dropout=0.3).dropout, nn.Dropout2d)
    assert make_decoder(dropout=0.3).dropout.p == 0.3


def test_batch_norm_has_the_usual_eps_and_momentum():
    norm = make_decoder().norm
    assert (norm.eps, norm.momentum) == (1e-5, 0.1)
    assert norm.affine and norm.track_running_stats


@kinds
@pytest.mark.parametrize("n", [3, 5])
def test_wrong_number_of_maps(kind, n):
    maps = make_maps(64, 64, dtype=torch.float32)
    with pytest.raises(ValueError, match=f"expected 4 feature maps.*got {n}"):
        make_decoder(kind)([*maps, maps[-1]][:n])


@kinds
def test_gradients_are_right(kind, randomize):
    net = kind((2, 3), dim=2, num_classes=2)
    randomize(net).double().eval()
    maps = [
        torch.randn(1, 2, 3, 3, dtype=torch.float64, requires_grad=True),
        torch.randn(1, 3, 2, 2, dtype=torch.float64, requires_grad=True),
    ]
    assert torch.autograd.gradcheck(lambda *m: net(m), maps)


# What people do to the layers of a model


class LoRA(nn.Module):
    """A linear layer and a product of two thin matrices beside it."""

    def __init__(self, layer: nn.Linear):
        super().__init__()
        self.layer = layer
        self.down = nn.Linear(layer.in_features, 2, bias=False)
        self.up = nn.Linear(2, layer.out_features, bias=False)

    def forward(self, x):
        return self.layer(x) + self.up(self.down(x))


class Doubled(nn.Linear):
    """A subclass has the parameters, and another forward."""

    def forward(self, x):
        return 2 * super().forward(x)


def hook(*_):
    return None


def quantized(net):
    """Linear layers in eight bits, in PyTorch's oldest and simplest way."""
    quantization = pytest.importorskip("torch.ao.quantization")
    with warnings.catch_warnings():  # it is deprecated, and still there
        warnings.simplefilter("ignore")
        return quantization.quantize_dynamic(net, {nn.Linear})


@pytest.fixture
def plain(randomize):
    return randomize(make_decoder(AllMLPDecoder)).eval()


@pytest.fixture
def folded(randomize):
    return randomize(make_decoder(FoldedMLPDecoder)).eval()


@pytest.fixture
def maps():
    return make_maps(64, 64, dtype=torch.float32)


@pytest.mark.parametrize("training", [False, True])
def test_hooks_of_the_published_form_see_every_layer(plain, maps, training):
    """And keep what they saw: no later step overwrites it."""
    plain.train(training)
    layers = {**dict(plain.named_children()), "unify": plain.unify[0]}
    seen = {}
    for name, layer in layers.items():
        layer.register_forward_hook(
            lambda _, args, out, name=name: seen.update({name: (*args, out)})
        )
    plain(maps)
    assert set(seen) == {"unify", "fuse", "norm", "dropout", "classify"}
    x, out = seen["unify"]
    torch.testing.assert_close(out, plain.unify[0](x))
    x, out = seen["norm"]
    torch.testing.assert_close(out, plain.norm(x))
    assert (out < 0).any()


def test_published_form_can_be_pruned(plain, maps):
    layer = plain.train().unify[0]
    unpruned = plain(maps)
    prune.l1_unstructured(layer, "weight", amount=0.5)
    assert not torch.allclose(plain(maps), unpruned)
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1)
    losses = []
    for _ in range(2):
        optimizer.zero_grad()
        loss = loss_of(plain(maps))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[1] < losses[0]
    plain(maps)  # the weight is made anew from what was learnt
    assert (layer.weight == 0).float().mean() == 0.5


def test_published_form_takes_lora(plain, maps):
    before = plain(maps)
    plain.unify[1] = LoRA(plain.unify[1])
    assert not torch.allclose(plain(maps), before)
    plain(maps).square().mean().backward()
    assert plain.unify[1].up.weight.grad.any()


def test_published_form_can_be_quantized(plain, maps):
    small = quantized(plain)
    assert all(type(x) is not nn.Linear for x in small.unify)
    error = relative_error(small(maps), plain(maps))
    assert 0 < error < 0.05


def assert_refused(net, maps, name, found):
    """Neither mode computes anything, and the message says what to do."""
    for training in (True, False):
        with pytest.raises(TypeError) as error:
            net.train(training)(maps)
        assert f"parameters of {name} and" in str(error.value)
        assert found in str(error.value)
        assert "build the model with folded=False" in str(error.value)


@pytest.mark.parametrize("kind", [LoRA, lambda layer: Doubled(14, 12)])
def test_fold_refuses_another_layer(folded, maps, kind):
    folded.unify[2] = kind(folded.unify[2])
    assert_refused(
        folded, maps, "unify[2]", f".{type(folded.unify[2]).__name__}:"
    )


def test_fold_refuses_a_quantized_layer(folded, maps):
    assert_refused(
        quantized(folded),
        maps,
        "unify[0]",
        "quantized.dynamic.modules.linear.Linear",
    )


def test_fold_refuses_another_norm(folded, maps):
    folded.norm = nn.GroupNorm(3, 12)
    assert_refused(folded, maps, "norm", "normalization.GroupNorm")


def test_fold_refuses_a_parametrized_layer(folded, maps):
    parametrizations.weight_norm(folded.fuse)
    assert_refused(folded, maps, "fuse", ".ParametrizedConv2d")


@pytest.mark.parametrize("name", ["unify[3]", "fuse", "norm"])
@pytest.mark.parametrize(
    "register",
    [
        "register_forward_pre_hook",
        "register_forward_hook",
        "register_full_backward_pre_hook",
        "register_full_backward_hook",
    ],
)
def test_fold_refuses_hooks_that_would_not_run(folded, maps, name, register):
    layer = {
        "unify[3]": folded.unify[3],
        "fuse": folded.fuse,
        "norm": folded.norm,
    }[name]
    expected = folded(maps)
    handle = getattr(layer, register)(hook)
    assert_refused(folded, maps, name, "got one with hooks")
    handle.remove()
    assert torch.equal(folded.eval()(maps), expected)


def test_fold_refuses_a_pruned_layer_until_it_is_made_permanent(folded, maps):
    prune.l1_unstructured(folded.unify[0], "weight", amount=0.5)
    assert_refused(folded, maps, "unify[0]", "got one with hooks")
    prune.remove(folded.unify[0], "weight")
    folded.eval()
    expected = textbook_decoder(folded, maps)
    assert relative_error(folded(maps), expected) < 2e-6


def test_fold_takes_the_norm_of_several_processes(folded, maps):
    expected = folded(maps)
    synchronized = nn.SyncBatchNorm.convert_sync_batchnorm(folded)
    assert isinstance(synchronized.norm, nn.SyncBatchNorm)
    assert torch.equal(synchronized(maps), expected)


def test_fold_runs_the_hooks_of_what_it_calls(folded, maps):
    seen = []
    for layer in (folded, folded.dropout, folded.classify):
        layer.register_forward_hook(lambda layer, *_: seen.append(layer))
    folded(maps)
    assert seen == [folded.dropout, folded.classify, folded]
