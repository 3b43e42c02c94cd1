"""The whole model: sizes, errors, labels, and what PyTorch does with it."""

import copy
import inspect
import math
import pickle
import re
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from reference import relative_error

from segformer_tutorial import (
    PRESETS,
    AllMLPDecoder,
    FoldedMLPDecoder,
    SegFormer,
    attention,
    config,
    decoder,
    encoder,
    labels_from_logits,
    linear,
    mix_ffn,
    model,
    patch_embedding,
    resize,
)


@pytest.fixture(params=[True, False], ids=["folded", "published"])
def net(tiny, randomize, request) -> SegFormer:
    return randomize(SegFormer(replace(tiny, folded=request.param))).eval()


# Presets and sizes


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("b0", 3_752_694),
        ("b1", 13_715_798),
        ("b2", 27_461_974),
        ("b3", 47_337_814),
        ("b4", 64_108_374),
        ("b5", 84_708_694),
    ],
)
def test_number_of_parameters(name, count):
    with torch.device("meta"):
        net = SegFormer.from_preset(name)
    assert sum(p.numel() for p in net.parameters()) == count


def test_preset_takes_changes_by_name():
    with torch.device("meta"):
        net = SegFormer.from_preset("b2", num_classes=19, in_channels=4)
    assert net.config == replace(PRESETS["b2"], num_classes=19, in_channels=4)
    logits = net(torch.empty(1, 4, 64, 64, device="meta"))
    assert logits.shape == (1, 19, 16, 16)


@pytest.mark.parametrize("name", ["b6", "B0", ""])
def test_unknown_preset(name):
    with pytest.raises(ValueError) as error:
        SegFormer.from_preset(name)
    assert "preset must be one of b0, b1, b2, b3, b4, b5" in str(error.value)
    assert f"got {name!r}" in str(error.value)


@pytest.mark.parametrize(
    ("h", "w"), [(32, 32), (33, 47), (75, 107), (250, 64), (61, 32)]
)
@pytest.mark.parametrize("batch", [1, 3])
def test_logits_have_a_quarter_of_the_size_rounded_up(net, h, w, batch):
    logits = net(torch.randn(batch, 3, h, w))
    assert logits.shape == (batch, 5, math.ceil(h / 4), math.ceil(w / 4))
    assert logits.isfinite().all()


@pytest.mark.parametrize("in_channels", [1, 4, 6])
def test_any_number_of_channels(tiny, in_channels):
    net = SegFormer(replace(tiny, in_channels=in_channels)).eval()
    assert net(torch.randn(2, in_channels, 40, 64)).shape == (2, 5, 10, 16)
    with pytest.raises(ValueError, match=f"c = {in_channels}"):
        net(torch.randn(2, 3, 40, 64))


@pytest.mark.parametrize("shape", [(1, 3, 31, 64), (1, 4, 64, 64), (3, 64, 64)])
def test_images_that_do_not_fit(net, shape):
    with pytest.raises(ValueError, match=r"images must be .*, got"):
        net(torch.zeros(shape))


def test_model_is_the_encoder_then_the_decoder(net):
    x = torch.randn(1, 3, 64, 64)
    assert torch.equal(net(x), net.decoder(net.encoder(x)))


def test_dropout_is_the_configs(tiny):
    net = SegFormer(replace(tiny, dropout=0.3))
    assert net.decoder.dropout.p == 0.3


def test_config_chooses_the_decoder(tiny, randomize):
    """Folded by default. Both have the same tensors and the same logits."""
    net = randomize(SegFormer(tiny)).eval()
    assert type(net.decoder) is FoldedMLPDecoder
    plain = SegFormer(replace(tiny, folded=False)).eval()
    assert type(plain.decoder) is AllMLPDecoder
    plain.load_state_dict(net.state_dict(), strict=True)
    x = torch.randn(2, 3, 75, 107)
    assert relative_error(plain(x), net(x)) < 1e-5


def test_seed_gives_both_decoders_the_same_values(tiny):
    nets = []
    for folded in (True, False):
        torch.manual_seed(1)
        nets.append(SegFormer(replace(tiny, folded=folded)).state_dict())
    assert list(nets[0]) == list(nets[1])
    assert all(map(torch.equal, nets[0].values(), nets[1].values()))


def test_images_of_a_batch_do_not_meet(net):
    x = torch.randn(3, 3, 40, 56)
    together = net(x)
    for i in range(3):
        assert relative_error(net(x[i : i + 1])[0], together[i]) < 1e-5


def test_decoder_keeps_the_initialisation_of_pytorch():
    """Uniform up to 1 / sqrt(fan-in): the encoder's rule ends with it."""
    net = SegFormer(replace(PRESETS["b2"], depths=(1, 1, 1, 1)))
    for layer in (*net.decoder.unify, net.decoder.fuse, net.decoder.classify):
        bound = layer.weight[0].numel() ** -0.5
        values = [layer.weight]
        if layer.bias is not None:
            values.append(layer.bias)
        for value in values:
            assert value.abs().max() <= bound * 1.0001
            assert value.abs().max() > bound * 0.9
        deviation = layer.weight.std().item() * math.sqrt(3) / bound
        assert deviation == pytest.approx(1, abs=0.02)


# Labels


def test_labels_are_those_of_the_resized_logits(net):
    x = torch.randn(2, 3, 75, 107)
    logits = net(x)
    labels = labels_from_logits(logits, x.shape[2:])
    assert labels.shape == (2, 75, 107)
    assert labels.dtype == torch.int64
    full = F.interpolate(
        logits, size=(75, 107), mode="bilinear", align_corners=False
    )
    assert torch.equal(labels, full.argmax(dim=1))
    assert labels.unique().numel() > 1


@pytest.mark.parametrize("chunk_size", [1, 7, 32, 150, 1000])
@pytest.mark.parametrize("size", [(64, 96), (61, 97), (5, 7)])
def test_labels_do_not_depend_on_the_chunks(chunk_size, size):
    logits = torch.randn(2, 150, 16, 24)
    expected = F.interpolate(
        logits, size=size, mode="bilinear", align_corners=False
    ).argmax(dim=1)
    labels = labels_from_logits(logits, size, chunk_size=chunk_size)
    assert torch.equal(labels, expected)
    assert expected.unique().numel() > 30


@pytest.mark.parametrize("chunk_size", [1, 7, 32, 150, 1000])
def test_first_of_equal_classes_wins(chunk_size):
    logits = torch.zeros(1, 150, 4, 6)
    options = {"chunk_size": chunk_size}
    assert not labels_from_logits(logits, (16, 24), **options).any()
    logits[:, [40, 41, 140]] = 1
    assert (labels_from_logits(logits, (16, 24), **options) == 40).all()


def test_chunks_hold_no_more_classes_than_asked(monkeypatch):
    sizes = []

    def spy(logits, size):
        sizes.append(logits.shape[1])
        return resize(logits, size)

    monkeypatch.setattr(model, "resize", spy)
    labels_from_logits(torch.randn(1, 10, 4, 4), (8, 8), chunk_size=4)
    assert sizes == [4, 4, 2]


def test_labels_leave_the_logits_alone():
    logits = torch.randn(1, 9, 4, 6)
    before = logits.clone()
    labels_from_logits(logits, (16, 24), chunk_size=2)
    assert torch.equal(logits, before)


def test_resize_does_not_align_the_corners():
    """From two pixels to four: values at -1/4, 1/4, 3/4, 5/4 of the way."""
    logits = torch.tensor([0.0, 1.0]).reshape(1, 1, 1, 2)
    out = resize(logits, torch.Size([1, 4]))
    torch.testing.assert_close(
        out.flatten(), torch.tensor([0.0, 0.25, 0.75, 1.0])
    )


@pytest.mark.parametrize("chunk_size", [0, -1])
def test_chunk_size_below_one(chunk_size):
    logits = torch.zeros(1, 2, 4, 4)
    with pytest.raises(ValueError) as error:
        labels_from_logits(logits, (8, 8), chunk_size=chunk_size)
    assert "chunk_size must be at least 1" in str(error.value)
    assert f"got {chunk_size}" in str(error.value)


@pytest.mark.parametrize("shape", [(150, 16, 16), (1, 1, 5, 4, 4)])
def test_logits_of_another_rank(shape):
    with pytest.raises(ValueError) as error:
        labels_from_logits(torch.zeros(shape), (64, 64))
    assert "logits must be b k h w" in str(error.value)
    assert f"got shape {shape}" in str(error.value)


# What PyTorch does with it


def test_meta_device(tiny):
    with torch.device("meta"):
        net = SegFormer(tiny).eval()
    x = torch.empty(2, 3, 75, 107, device="meta")
    logits = net(x)
    assert logits.shape == (2, 5, 19, 27)
    assert labels_from_logits(logits, (75, 107)).shape == (2, 75, 107)


def test_gradients_reach_every_parameter(net):
    net.train()
    net(torch.randn(2, 3, 64, 96)).square().mean().backward()
    for name, p in net.named_parameters():
        assert p.grad is not None, name
        assert p.grad.isfinite().all(), name
        assert p.grad.any(), name


def test_gradients_reach_the_image(net):
    x = torch.randn(1, 3, 64, 64, requires_grad=True)
    net(x)[0, 0, 8, 8].backward()
    assert x.grad.isfinite().all()
    assert x.grad.any()


def test_double_precision(net):
    x = torch.randn(1, 3, 75, 107)
    single = net(x)
    double = net.double()(x.double())
    assert double.dtype == torch.float64
    assert relative_error(single, double) < 1e-5


def test_channels_last(net):
    x = torch.randn(2, 3, 75, 107)
    expected = net(x)
    ours = net.to(memory_format=torch.channels_last)(
        x.to(memory_format=torch.channels_last)
    )
    assert relative_error(ours, expected) < 1e-5


def test_autocast(net):
    x = torch.randn(2, 3, 64, 96)
    expected = net(x)
    with torch.autocast("cpu", torch.bfloat16):
        logits = net(x)
        assert labels_from_logits(logits, (64, 96)).shape == (2, 64, 96)
    assert logits.dtype == torch.bfloat16
    assert logits.isfinite().all()
    assert relative_error(logits.float(), expected) < 3e-2

    net.train()
    with torch.autocast("cpu", torch.bfloat16):
        loss = net(x).float().square().mean()
    loss.backward()
    for name, p in net.named_parameters():
        assert p.grad.dtype == torch.float32
        assert p.grad.isfinite().all(), name


@pytest.mark.parametrize(
    "again",
    [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))],
    ids=["deepcopy", "pickle"],
)
def test_copies_compute_the_same_and_share_nothing(net, again):
    x = torch.randn(1, 3, 64, 64)
    expected = net(x)
    other = again(net)
    assert other.config == net.config
    assert torch.equal(other(x), expected)
    with torch.no_grad():
        for p in other.parameters():
            p.zero_()
    assert torch.equal(net(x), expected)


def test_state_dict_round_trip(net):
    other = SegFormer(net.config).eval()
    x = torch.randn(1, 3, 64, 64)
    assert not torch.allclose(other(x), net(x))
    other.load_state_dict(net.state_dict(), strict=True)
    assert torch.equal(other(x), net(x))


def test_state_dict_of_another_size_is_refused(net, tiny):
    other = SegFormer(replace(tiny, num_classes=6))
    with pytest.raises(RuntimeError, match=r"decoder\.classify\.weight"):
        other.load_state_dict(net.state_dict())


def test_seed_settles_weights_and_training(tiny):
    config = replace(tiny, drop_path=0.5, dropout=0.5)
    x = torch.randn(4, 3, 64, 64)

    def run(seed):
        torch.manual_seed(seed)
        net = SegFormer(config).train()
        logits = net(x)
        logits.square().mean().backward()
        return logits, [p.grad for p in net.parameters()]

    logits, gradients = run(1)
    again, gradients_again = run(1)
    assert torch.equal(logits, again)
    assert all(map(torch.equal, gradients, gradients_again))
    assert not torch.equal(logits, run(2)[0])


def test_training_is_random_and_evaluation_is_not(tiny):
    net = SegFormer(replace(tiny, drop_path=0.5, dropout=0.5))
    x = torch.randn(4, 3, 64, 64)
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))


@pytest.mark.parametrize(
    "module",
    [
        config,
        patch_embedding,
        linear,
        attention,
        mix_ffn,
        encoder,
        decoder,
        model,
    ],
    ids=lambda module: module.__name__.rpartition(".")[2],
)
def test_no_view(module):
    """The view of a permuted tensor breaks the backward on Apple's GPUs."""
    assert not re.search(r"\.view(_as)?\(", inspect.getsource(module))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("chunk_size", [7, 32, 150])
def test_labels_of_half_precision_logits(dtype, chunk_size):
    """Under autocast the model returns such logits, channels last."""
    logits = torch.randn(2, 150, 16, 24).to(dtype)
    logits = logits.contiguous(memory_format=torch.channels_last)
    expected = resize(logits.float(), (61, 97)).argmax(dim=1)
    labels = labels_from_logits(logits, (61, 97), chunk_size=chunk_size)
    assert torch.equal(labels, expected)


def test_name_in_place_of_a_config():
    with pytest.raises(TypeError, match="got 'b0'; .*from_preset"):
        SegFormer("b0")


def test_labels_need_a_class():
    with pytest.raises(ValueError, match="at least one"):
        labels_from_logits(torch.zeros(1, 0, 4, 4), (8, 8))
