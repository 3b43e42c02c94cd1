"""Attention written out, and what it cannot see."""

import math

import pytest
import torch
from torch import nn

from segformer_tutorial import EfficientSelfAttention


def by_hand(attn: EfficientSelfAttention, x: torch.Tensor) -> torch.Tensor:
    """Head after head, with the matrix of attention in the open.

    x: h w c, one image.
    """
    h, w, c = x.shape
    r = attn.reduction_ratio
    queries = attn.q(x).reshape(h * w, c)
    if r > 1:
        rows, columns = h // r, w // r
        merged = torch.zeros(rows, columns, c, dtype=x.dtype)
        for i in range(rows):
            for j in range(columns):
                square = x[i * r : (i + 1) * r, j * r : (j + 1) * r]
                merged[i, j] = attn.reduce.bias + torch.einsum(
                    "oiyx,yxi->o", attn.reduce.weight, square
                )
        centred = merged - merged.mean(dim=-1, keepdim=True)
        variance = centred.square().mean(dim=-1, keepdim=True)
        x = centred / (variance + 1e-5).sqrt()
        x = x * attn.norm.weight + attn.norm.bias
    both = attn.kv(x).reshape(-1, 2 * c)
    keys, values = both[:, :c], both[:, c:]
    width = c // attn.num_heads
    out = []
    for head in range(attn.num_heads):
        part = slice(head * width, (head + 1) * width)
        scores = queries[:, part] @ keys[:, part].T / math.sqrt(width)
        scores = scores.exp()
        weights = scores / scores.sum(dim=1, keepdim=True)
        out.append(weights @ values[:, part])
    return attn.proj(torch.cat(out, dim=1)).reshape(h, w, c)


def make(dim=12, num_heads=3, reduction_ratio=1):
    return EfficientSelfAttention(
        dim, num_heads=num_heads, reduction_ratio=reduction_ratio
    )


@pytest.mark.parametrize("num_heads", [1, 3])
@pytest.mark.parametrize("ratio", [1, 2, 4])
@pytest.mark.parametrize(("h", "w"), [(8, 4), (5, 7)])
def test_equals_attention_by_hand(num_heads, ratio, h, w, randomize):
    attn = randomize(make(12, num_heads, ratio)).double()
    x = torch.randn(2, h, w, 12, dtype=torch.float64)
    expected = torch.stack([by_hand(attn, image) for image in x])
    torch.testing.assert_close(attn(x), expected, rtol=0, atol=1e-12)


def test_ratio_one_equals_multihead_attention(randomize):
    attn = randomize(make()).double().eval()
    theirs = nn.MultiheadAttention(12, 3, batch_first=True).double().eval()
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([attn.q.weight, attn.kv.weight]))
        theirs.in_proj_bias.copy_(torch.cat([attn.q.bias, attn.kv.bias]))
    theirs.out_proj.load_state_dict(attn.proj.state_dict())
    x = torch.randn(2, 3, 5, 12, dtype=torch.float64)
    tokens = x.flatten(1, 2)
    expected, _ = theirs(tokens, tokens, tokens)
    torch.testing.assert_close(
        attn(x).flatten(1, 2), expected, rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("ratio", [1, 2, 4, 8])
@pytest.mark.parametrize(("h", "w"), [(8, 16), (13, 9), (15, 15)])
def test_number_of_keys(ratio, h, w):
    """A side is divided by the ratio; what is left over is dropped."""
    attn = make(reduction_ratio=ratio)
    seen = []
    attn.kv.register_forward_pre_hook(
        lambda _, args: seen.append(tuple(args[0].shape))
    )
    x = torch.randn(2, h, w, 12)
    assert attn(x).shape == x.shape
    assert seen == [(2, h // ratio, w // ratio, 12)]


def test_left_over_rows_are_not_looked_at(randomize):
    """At ratio 2, the last of 5 rows is a query but no key."""
    attn = randomize(make(reduction_ratio=2))
    x = torch.randn(1, 5, 4, 12)
    changed = x.clone()
    changed[:, 4] += 1
    assert torch.equal(attn(x)[:, :4], attn(changed)[:, :4])
    assert not torch.allclose(attn(x)[:, 4], attn(changed)[:, 4])


def test_ratio_one_has_nothing_to_reduce_with():
    assert set(dict(make().named_children())) == {"q", "kv", "proj"}
    assert set(dict(make(reduction_ratio=2).named_children())) == {
        "q", "kv", "proj", "reduce", "norm",
    }  # fmt: skip


@pytest.mark.parametrize("ratio", [1, 2])
def test_every_position_reaches_every_other(ratio, randomize):
    attn = randomize(make(reduction_ratio=ratio)).double()
    x = torch.randn(1, 4, 6, 12, dtype=torch.float64)
    changed = x.clone()
    changed[0, 3, 5] += 1
    moved = (attn(changed) - attn(x)).abs().amax(dim=-1)
    assert moved.min() > 1e-6


def test_positions_do_not_matter(randomize):
    """Shuffle the tokens, and the outputs are shuffled alike."""
    attn = randomize(make()).double()
    x = torch.randn(1, 4, 6, 12, dtype=torch.float64)
    order = torch.randperm(24)

    def shuffle(y):
        return y.flatten(1, 2)[:, order].unflatten(1, (4, 6))

    torch.testing.assert_close(
        attn(shuffle(x)), shuffle(attn(x)), rtol=0, atol=1e-12
    )


def test_order_of_the_heads_does_not_matter(randomize):
    """Swap the rows of q, k and v and the columns of proj, head by head."""
    attn = randomize(make(reduction_ratio=2)).double()
    x = torch.randn(2, 4, 6, 12, dtype=torch.float64)
    expected = attn(x)
    channels = torch.arange(12).reshape(3, 4)[[2, 0, 1]].flatten()
    both = torch.cat([channels, channels + 12])
    with torch.no_grad():
        for linear, rows in ((attn.q, channels), (attn.kv, both)):
            linear.weight.copy_(linear.weight[rows].clone())
            linear.bias.copy_(linear.bias[rows].clone())
        assert (attn(x) - expected).abs().max() > 1e-3
        attn.proj.weight.copy_(attn.proj.weight[:, channels].clone())
    torch.testing.assert_close(attn(x), expected, rtol=0, atol=1e-12)


def test_eps_is_the_official_one():
    assert make(reduction_ratio=2).norm.eps == 1e-5


@pytest.mark.parametrize("ratio", [1, 2])
def test_project_gives_what_forward_attends_with(ratio, randomize):
    """Queries of every token; keys and values of the reduced feature map."""
    attn = randomize(make(12, 3, ratio)).double()
    x = torch.randn(2, 4, 6, 12, dtype=torch.float64)
    q, k, v = attn.project(x)
    assert q.shape == (2, 3, 24, 4)
    assert k.shape == v.shape == (2, 3, 24 // ratio**2, 4)
    weights = (q @ k.mT / 4**0.5).softmax(dim=-1)
    heads = (weights @ v).transpose(1, 2).reshape(2, 4, 6, 12)
    torch.testing.assert_close(attn.proj(heads), attn(x), rtol=0, atol=1e-12)


def test_project_cuts_queries_keys_and_values_by_head(randomize):
    attn = randomize(make(12, 3)).double()
    x = torch.randn(1, 2, 2, 12, dtype=torch.float64)
    q, k, v = attn.project(x)
    token = x[0, 1, 0]  # the third of four
    keys, values = attn.kv(token).chunk(2)
    for found, expected in ((q, attn.q(token)), (k, keys), (v, values)):
        torch.testing.assert_close(found[0, :, 2].flatten(), expected)


def test_heads_that_do_not_divide_the_width():
    with pytest.raises(ValueError) as error:
        make(12, num_heads=5)
    assert "num_heads must divide dim" in str(error.value)
    assert "got 5 heads for a width of 12" in str(error.value)


def test_heads_and_ratio_cannot_be_swapped():
    """Both are integers that fit: they are given by name only."""
    with pytest.raises(TypeError):
        EfficientSelfAttention(12, 3, 2)


@pytest.mark.parametrize("ratio", [1, 2])
def test_gradients_are_right(ratio, randomize):
    attn = randomize(make(4, 2, ratio)).double()
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(attn, x)
