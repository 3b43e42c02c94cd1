"""Looking into a model: attention, receptive fields, features, the command."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

pytest.importorskip("torchvision")
pytest.importorskip("safetensors")
import numpy as np
from PIL import Image

from segformer_tutorial import SegFormer
from segformer_tutorial.data import Task
from segformer_tutorial.data.transforms import eval_transform
from segformer_tutorial.see import (
    attention_maps,
    feature_colors,
    receptive_fields,
)
from segformer_tutorial.see.__main__ import main
from segformer_tutorial.see.inputs import position
from segformer_tutorial.weights import save_weights

H, W = 64, 96


@pytest.fixture
def image():
    return torch.randint(256, (3, H, W), dtype=torch.uint8)


@pytest.fixture
def net(trained):
    return trained


def blocks(net):
    return [block for stage in net.encoder.stages for block in stage.blocks]


def hooks(net) -> int:
    return sum(
        len(part._forward_hooks) + len(part._forward_pre_hooks)
        for part in net.modules()
    )


def looks():
    """Each way of looking into a model, as a function of model and picture."""
    return {
        "attention": lambda net, image: attention_maps(net, image, at=(9, 70)),
        "fields": lambda net, image: receptive_fields(net, [image]),
        "features": feature_colors,
    }


@pytest.mark.parametrize("look", looks().values(), ids=looks())
class TestEveryLook:
    def test_leaves_the_model_as_it_was(self, look, net, image, unchanged):
        unchanged(net)
        net.train()
        net.encoder.stages[1].eval()
        modes = [part.training for part in net.modules()]
        look(net, image)
        assert [part.training for part in net.modules()] == modes
        assert hooks(net) == 0
        assert all(p.grad is None for p in net.parameters())
        assert all(p.requires_grad for p in net.parameters())

    def test_is_repeatable_and_in_evaluation_mode(self, look, net, image):
        before = torch.get_rng_state()
        expected = look(net, image)
        for a, b in zip(look(net.train(), image), expected, strict=True):
            assert torch.equal(a, b)
        assert torch.equal(torch.get_rng_state(), before)

    def test_works_without_gradients_and_gives_none(self, look, net, image):
        with torch.no_grad():
            found = look(net, image)
        assert not any(x.requires_grad for x in found)
        assert all(x.isfinite().all() for x in found)

    def test_another_model(self, look, image):
        with pytest.raises(TypeError, match="must be a SegFormer, got Conv2d"):
            look(nn.Conv2d(3, 2, 1), image)

    def test_inside_data_parallel(self, look, net, image):
        wrapped = nn.DataParallel(net)
        for a, b in zip(look(wrapped, image), look(net, image), strict=True):
            assert torch.equal(a, b)

    def test_normalisation_of_the_task(self, look, net, image):
        plain = look(net, image)
        net.task = Task(
            classes=tuple("abcde"), mean=(9, 9, 9), std=(30, 30, 30)
        )
        found = look(net, image)
        assert not all(map(torch.equal, found, plain))


class TestAttention:
    def test_shapes_and_sums(self, net, image):
        maps = attention_maps(net, image, at=(0, 0))
        config = net.config
        assert [tuple(x.shape) for x in maps] == [
            (depth, heads, H // 32, W // 32)
            for depth, heads in zip(
                config.depths, config.num_heads, strict=True
            )
        ]
        for x in maps:
            assert (x >= 0).all()
            torch.testing.assert_close(x.sum((2, 3)), torch.ones(x.shape[:2]))

    def test_weights_are_those_of_the_package(self, net, image):
        """Weights times values is what the block's attention computes."""
        row, column = 41, 70
        maps = attention_maps(net, image, at=(row, column))
        inputs = []
        for block in blocks(net):
            block.attn.register_forward_pre_hook(
                lambda _, x: inputs.append(x[0])
            )
        with torch.no_grad():
            net(eval_transform(image)[None])
        weights = [one for stage in maps for one in stage]
        seen = list(inputs)
        for block, x, w in zip(blocks(net), seen, weights, strict=True):
            side = H // x.shape[1]
            with torch.no_grad():
                *_, v = block.attn.project(x)
                mean = w.flatten(1)[:, None] @ v[0]
                expected = block.attn(x)[0, row // side, column // side]
                found = block.attn.proj(mean.flatten()[None, None, None])
            torch.testing.assert_close(found.flatten(), expected)

    def test_pixel_counts_in_the_picture_and_not_in_the_input(self, net):
        small = torch.randint(256, (3, 32, 48), dtype=torch.uint8)
        large = F.interpolate(small[None], scale_factor=2, mode="nearest")[0]
        sides = [((5, 40), small), ((10, 80), large)]
        a, b = (
            attention_maps(net, eval_image, at=at, short_side=64)
            for at, eval_image in sides
        )
        assert [x.shape for x in a] == [x.shape for x in b]
        assert position((5, 40), (32, 48), (16, 24)) == (2, 20)
        assert position((10, 80), (64, 96), (16, 24)) == (2, 20)

    def test_first_and_last_pixel_lie_in_the_corners(self):
        for size, grid in (((250, 40), (63, 10)), ((31, 7), (8, 64))):
            assert position((0, 0), size, size) == (0, 0)
            row, column = position((size[0] - 1, size[1] - 1), size, grid)
            assert (row, column) <= (grid[0] - 1, grid[1] - 1)
            assert row == grid[0] - 1

    @pytest.mark.parametrize(
        "at", [(H, 0), (0, W), (-1, 0), (0.5, 1), (1, 2, 3), 7, "3,4"]
    )
    def test_bad_pixel(self, net, image, at):
        with pytest.raises(ValueError, match=r"0\.\.63 .* 0\.\.95 .* got"):
            attention_maps(net, image, at=at)
        assert hooks(net) == 0

    def test_hooks_are_removed_after_an_error(self, net, image, monkeypatch):
        monkeypatch.setattr(
            net.encoder.stages[2], "forward", lambda x: 1 / 0, raising=True
        )
        with pytest.raises(ZeroDivisionError):
            attention_maps(net.train(), image, at=(0, 0))
        assert hooks(net) == 0 and net.training

    def test_batch(self, net, image):
        with pytest.raises(ValueError, match="one picture, got a batch of 2"):
            attention_maps(net, torch.stack([image, image]), at=(0, 0))

    def test_keys_that_leave_tokens_over(self, tiny, image):
        from dataclasses import replace

        net = SegFormer(replace(tiny, reduction_ratios=(16, 4, 2, 1)))
        net.task = None
        with pytest.raises(ValueError, match="not divisible by the reduction"):
            attention_maps(net, image, at=(0, 0), short_side=96)


class TestFields:
    def test_one_for_each_stage_and_the_logits(self, net, image):
        fields = receptive_fields(net, [image])
        assert [tuple(x.shape) for x in fields] == [(H, W)] * 5
        assert all((x >= 0).all() and x.max() > 0 for x in fields)

    def test_bounded_without_attention(self, net):
        """Then only the convolutions reach out, as far as theory says."""
        for block in blocks(net):
            nn.init.zeros_(block.attn.proj.weight)
        config, side = net.config, 256
        image = torch.randint(256, (3, side, side), dtype=torch.uint8)
        fields = receptive_fields(net, [image, image.flip(1)])
        width, apart = 1, 1
        for i, depth in enumerate(config.depths):
            width += (config.patch_sizes[i] - 1) * apart
            apart *= config.strides[i]
            width += 2 * apart * depth
            rows, columns = (fields[i] > 0).nonzero().T
            for reached in (rows, columns):
                assert reached.max() - reached.min() + 1 <= min(width, side)
                assert reached.min() <= side // 2 <= reached.max()
        assert 0 < (fields[0] > 0).float().mean() < 0.05

    def test_attention_reaches_everything(self, net, image):
        assert (receptive_fields(net, [image])[0] > 0).all()

    def test_signs_estimate_the_squared_gradient_of_all_channels(
        self, net, image
    ):
        x = eval_transform(image)[None].requires_grad_()
        channels = net.encoder(x)[0][0, :, 8, 12]
        squares = sum(
            torch.autograd.grad(c, x, retain_graph=True)[0][0].square().sum(0)
            for c in channels
        )
        many = receptive_fields(net, [image] * 40)[0]
        ratio = many.square().sum() / squares.sum()
        assert abs(ratio.log()) < 0.25

    def test_middle_is_the_default(self, net, image):
        middle = receptive_fields(net, [image])
        named = receptive_fields(net, [image], at=(H // 2, W // 2))
        other = receptive_fields(net, [image], at=(0, 0))
        assert all(map(torch.equal, middle, named))
        assert other[0].argmax() < middle[0].argmax()

    def test_mean_over_pictures(self, net, image):
        one = receptive_fields(net, [image])
        two = receptive_fields(net, [image, image.flip(2)])
        assert not torch.equal(one[0], two[0])
        assert (2 * two[0].square() - one[0].square() > -1e-4).all()

    def test_pictures_that_do_not_go_together(self, net, image):
        for pictures in (
            [],
            [image, image[:, :32]],
            [image.expand(2, 3, H, W)],
        ):
            with pytest.raises(ValueError, match="all of one size, got"):
                receptive_fields(net, pictures)

    def test_bad_pixel(self, net, image):
        with pytest.raises(ValueError, match=r"0\.\.63 .* got \(64, 0\)"):
            receptive_fields(net, [image], at=(H, 0))


class TestFeatures:
    def test_shapes_and_range(self, net, image):
        found = feature_colors(net, image)
        assert [tuple(x.shape) for x in found] == [
            (3, H // s, W // s) for s in (4, 8, 16, 32)
        ]
        for x in found:
            assert x.min() >= 0 and x.max() <= 1
            torch.testing.assert_close(x.amax((1, 2)), torch.ones(3))

    def test_first_colour_varies_most(self, net, image):
        with torch.no_grad():
            features = net.encoder(eval_transform(image)[None])[0]
        x = features.flatten(2)[0].T.double()
        values = torch.linalg.svdvals(x - x.mean(0))
        red = feature_colors(net, image)[0][0].flatten()
        axis = torch.linalg.svd(x - x.mean(0)).Vh[0]
        along = (x - x.mean(0)) @ axis
        assert values[0] >= values[1]
        both = torch.stack([red.double(), along])
        assert abs(torch.corrcoef(both)[0, 1]) > 0.999

    def test_a_batch_shares_its_colours(self, net, image):
        twice = torch.stack([image, image])
        for x in feature_colors(net, twice):
            assert x.ndim == 4
            torch.testing.assert_close(x[0], x[1])

    def test_picture_of_one_colour(self, net):
        found = feature_colors(net, torch.zeros(3, 64, 64, dtype=torch.uint8))
        assert all(x.isfinite().all() for x in found)


class TestCommand:
    @pytest.fixture
    def command(self, net, image, tmp_path, capsys):
        save_weights(net, tmp_path / "model.safetensors")
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(
            tmp_path / "street.png"
        )

        def running(*flags, picture="street.png"):
            arguments = [
                tmp_path / picture,
                "--weights",
                tmp_path / "model.safetensors",
                "--out",
                tmp_path / "out",
                "--device",
                "cpu",
                *flags,
            ]
            try:
                status = main([str(x) for x in arguments])
            except SystemExit as end:
                status = end.code
            return (status, *capsys.readouterr())

        return running

    def test_drawings(self, command, net, tmp_path):
        status, out, err = command("--at", "10,80")
        assert (status, err) == (0, "")
        assert "row 10, column 80, at their own size" in out
        sizes = {}
        for path in (tmp_path / "out").iterdir():
            with Image.open(path) as drawing:
                sizes[path.stem] = drawing.size
        width, height = 256 + 4, round(256 * H / W) + 4
        rows = zip(net.config.num_heads, net.config.depths, strict=True)
        expected = {
            f"attention_{i}": (heads * width, depth * height)
            for i, (heads, depth) in enumerate(rows, 1)
        }
        expected["field"] = (5 * width, height)
        expected["features"] = (4 * width, height)
        assert sizes == expected

    def test_the_pixel_is_marked_where_it_is(self, command, tmp_path):
        command("--at", "10,80")
        with Image.open(tmp_path / "out" / "attention_1.png") as drawing:
            sheet = np.array(drawing)
        marked = (sheet == (230, 159, 0)).all(2).nonzero()
        row, column = (int(x.mean()) - 2 for x in marked)
        assert abs(row / 171 - 10.5 / H) < 0.01
        assert abs(column / 256 - 80.5 / W) < 0.01

    def test_nothing_is_replaced_unasked(self, command, tmp_path):
        assert command()[0] == 0
        before = (tmp_path / "out" / "field.png").read_bytes()
        status, _, err = command("--at", "0,0")
        assert status == 1 and "exists already; --overwrite" in err
        assert (tmp_path / "out" / "field.png").read_bytes() == before
        assert command("--at", "0,0", "--overwrite")[0] == 0
        assert (tmp_path / "out" / "field.png").read_bytes() != before

    def test_the_picture_is_never_replaced(self, command, tmp_path):
        (tmp_path / "out").mkdir()
        (tmp_path / "street.png").rename(tmp_path / "out" / "field.png")
        status, _, err = command("--overwrite", picture="out/field.png")
        assert status == 1 and "is the picture itself" in err

    def test_pixel_outside(self, command, tmp_path):
        status, out, err = command("--at", "64,3")
        assert (status, out) == (1, "")
        assert err.startswith("error: at must be a row in 0..63")
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize("at", ["3", "3,x", "1,2,3"])
    def test_no_pixel(self, command, at):
        status, _, err = command("--at", at)
        assert status == 2 and "must be ROW,COLUMN" in err

    def test_no_picture(self, command):
        status, _, err = command(picture="lane.png")
        assert status == 1 and err.startswith("error: ") and "lane.png" in err

    def test_no_weights(self, command, tmp_path):
        status, _, err = command("--weights", str(tmp_path / "none"))
        assert status == 1 and err.startswith("error: ") and "none" in err

    def test_short_side(self, command):
        assert command("--short-side", "0")[0] == 2
        status, out, _ = command("--short-side", "32")
        assert status == 0 and "shorter side 32 pixels" in out
