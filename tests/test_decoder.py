"""The folded decoder against the published form, gradients included."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from reference import relative_error, textbook_decoder
from torch import nn

from segformer_tutorial import AllMLPDecoder

DIMS = (6, 10, 14, 18)


def make_decoder(dropout=0.0, dim=12):
    return AllMLPDecoder(DIMS, dim=dim, num_classes=7, dropout=dropout)


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


@pytest.mark.parametrize("size", [(64, 96), (75, 107), (33, 250), (32, 32)])
@pytest.mark.parametrize(
    ("training", "dropout"), [(False, 0.0), (True, 0.0), (True, 0.5)]
)
def test_equals_the_published_form(size, training, dropout, randomize):
    """Logits, loss, all gradients, and what BatchNorm has learnt.

    With dropout too: from the same seed both drop the same channels.
    """
    ours = randomize(make_decoder(dropout)).double().train(training)
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


@pytest.mark.parametrize("size", [(64, 96), (75, 107)])
def test_equals_the_published_form_in_single_precision(size, randomize):
    decoder = randomize(make_decoder()).eval()
    maps = make_maps(*size, dtype=torch.float32)
    expected = textbook_decoder(decoder, maps)
    assert relative_error(decoder(maps), expected) < 2e-6


@pytest.mark.parametrize("n", [1, 2, 3])
def test_equals_the_published_form_with_fewer_maps(n, randomize):
    decoder = AllMLPDecoder(DIMS[:n], dim=12, num_classes=7)
    randomize(decoder).double().eval()
    maps = make_maps(75, 107)[:n]
    expected = textbook_decoder(decoder, maps)
    assert relative_error(decoder(maps), expected) < 1e-12


def test_maps_are_left_as_they_are(randomize):
    """Sums and the ReLU are made in place, on the decoder's own tensors."""
    decoder = randomize(make_decoder()).eval()
    maps = make_maps(64, 64, dtype=torch.float32)
    before = [m.clone() for m in maps]
    decoder(maps)
    for map_, copied in zip(maps, before, strict=True):
        assert torch.equal(map_, copied)


@pytest.mark.parametrize(
    ("dims", "dim", "classes", "count"),
    [
        ((32, 64, 160, 256), 256, 150, 433_302),
        ((64, 128, 320, 512), 256, 150, 564_374),
        ((64, 128, 320, 512), 768, 150, 3_265_686),
    ],
)
def test_parameters_are_the_published_ones(dims, dim, classes, count):
    """Folding happens in the forward: what is stored does not change."""
    with torch.device("meta"):
        decoder = AllMLPDecoder(dims, dim=dim, num_classes=classes)
    shapes = {name: tuple(p.shape) for name, p in decoder.named_parameters()}
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
    assert sum(p.numel() for p in decoder.parameters()) == count


def test_first_slice_of_the_fusion_meets_the_deepest_map(randomize):
    """A wrong order would load published weights without a word."""
    decoder = randomize(make_decoder()).eval()
    maps = make_maps(64, 96, dtype=torch.float32)
    with torch.no_grad():
        decoder.fuse.weight[:, 12:] = 0
    expected = decoder(maps)
    others = [torch.randn_like(m) for m in maps[:3]]
    assert torch.equal(decoder([*others, maps[3]]), expected)
    assert not torch.allclose(
        decoder([*maps[:3], torch.randn_like(maps[3])]), expected
    )


def test_dropout_takes_whole_channels(randomize):
    decoder = randomize(make_decoder(dropout=0.5, dim=64)).train()
    seen = []
    decoder.classify.register_forward_pre_hook(
        lambda _, args: seen.append(args[0].detach())
    )
    decoder(make_maps(64, 64, dtype=torch.float32))
    decoder.eval()
    decoder(make_maps(64, 64, dtype=torch.float32))
    dropped, kept = (
        (x == 0).flatten(2).all(dim=2).float().mean().item() for x in seen
    )
    assert dropped == pytest.approx(0.5, abs=0.12)
    assert kept < 0.1  # the ReLU alone


def test_rate_of_dropout_is_a_tenth_unless_given():
    assert AllMLPDecoder(DIMS, dim=8, num_classes=2).dropout.p == 0.1
    assert isinstance(make_decoder(0.3).dropout, nn.Dropout2d)
    assert make_decoder(0.3).dropout.p == 0.3


def test_batch_norm_has_the_usual_eps_and_momentum():
    norm = make_decoder().norm
    assert (norm.eps, norm.momentum) == (1e-5, 0.1)
    assert norm.affine and norm.track_running_stats


@pytest.mark.parametrize("n", [3, 5])
def test_wrong_number_of_maps(n):
    maps = make_maps(64, 64, dtype=torch.float32)
    with pytest.raises(ValueError, match=f"expected 4 maps.*got {n}"):
        make_decoder()([*maps, maps[-1]][:n])


def test_gradients_are_right(randomize):
    decoder = AllMLPDecoder((2, 3), dim=2, num_classes=2)
    randomize(decoder).double().eval()
    maps = [
        torch.randn(1, 2, 3, 3, dtype=torch.float64, requires_grad=True),
        torch.randn(1, 3, 2, 2, dtype=torch.float64, requires_grad=True),
    ]
    assert torch.autograd.gradcheck(lambda *m: decoder(m), maps)
