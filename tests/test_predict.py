"""Prediction: what goes in, what comes out, and what it should equal."""

import pytest
import torch
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

pytest.importorskip("torchvision")
import numpy as np
from PIL import Image
from torchvision import tv_tensors

from segformer_tutorial import SegFormer, labels_from_logits
from segformer_tutorial.data import DataError, Task, normalize
from segformer_tutorial.data.transforms import eval_transform
from segformer_tutorial.predict import (
    predict,
    prediction,
    sliding_logits,
)

COLOURS = ("red", "green", "blue")


class Colour(nn.Module):
    """Logits are the three colours of a pixel, at a quarter of the size."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.seen = []

    def forward(self, x):
        self.seen.append(x)
        return self.scale * F.avg_pool2d(x.float(), 4)

    @property
    def sizes(self):
        return [tuple(x.shape[2:]) for x in self.seen]


@pytest.fixture
def image():
    return torch.randint(256, (3, 64, 96), dtype=torch.uint8)


@pytest.fixture
def net(tiny, randomize):
    return randomize(SegFormer(tiny)).eval()


def pil(image):
    return Image.fromarray(image.permute(1, 2, 0).numpy())


def save(image, folder):
    path = folder / "picture.png"
    pil(image).save(path)
    return path


FORMS = {  # the same picture as people have it
    "path": lambda image, folder: save(image, folder),
    "path as text": lambda image, folder: str(save(image, folder)),
    "PIL": lambda image, _: pil(image),
    "PIL with alpha": lambda image, _: pil(image).convert("RGBA"),
    "array": lambda image, _: np.array(pil(image)),
    "array backwards": lambda image, _: np.array(pil(image.flip(2)))[:, ::-1],
    "read-only array": lambda image, _: np.asarray(pil(image)),
    "tensor": lambda image, _: image,
    "parameter": lambda image, _: nn.Parameter(image / 255),
    "mask": lambda image, _: tv_tensors.Mask(image),
    "float32": lambda image, _: image / 255,
    "float64": lambda image, _: image.double() / 255,
    "float64 array": lambda image, _: np.array(pil(image)) / 255,
    "big-endian": lambda image, _: (np.array(pil(image)) / 255).astype(">f4"),
}


class TestPicture:
    @pytest.mark.parametrize("form", FORMS)
    def test_forms_give_one_result(self, net, image, tmp_path, form):
        expected = labels_from_logits(
            net(normalize(image / 255)[None]).detach(), (64, 96)
        )[0]
        found = predict(net, FORMS[form](image, tmp_path))
        assert found.dtype == torch.int64 and found.device.type == "cpu"
        assert len(expected.unique()) > 1
        assert torch.equal(found, expected)

    def test_batch(self, net, image):
        batch = torch.stack([image, image.flip(2)])
        for given in (batch, batch / 255):
            labels = predict(net, given)
            assert labels.shape == (2, 64, 96)
            for one, picture in zip(labels, batch, strict=True):
                assert torch.equal(one, predict(net, picture))

    def test_grey(self, net, image, tmp_path):
        grey = image[0].numpy()
        expected = predict(net, image[:1].expand(3, -1, -1))
        path = tmp_path / "grey.png"
        Image.fromarray(grey).save(path)
        for picture in (path, Image.fromarray(grey), grey, grey / 255):
            assert torch.equal(predict(net, picture), expected)

    def test_one_channel_network(self, tiny, image):
        from dataclasses import replace

        net = SegFormer(replace(tiny, in_channels=1)).eval()
        net.task = Task(classes=list("abcde"), mean=(127.5,), std=(57.5,))
        expected = predict(net, image[:1])
        grey = image[0].numpy()
        for picture in (grey, grey[..., None], Image.fromarray(grey)):
            assert torch.equal(predict(net, picture), expected)
        with pytest.raises(ValueError, match=r"c = 1, got shape \(3, 64, 96\)"):
            predict(net, image)

    def test_photo_is_turned_upright(self, net, image, tmp_path):
        """Orientation 6: the camera was turned, for a path and for PIL."""
        exif = Image.Exif()
        exif[0x0112] = 6
        path = tmp_path / "photo.png"
        pil(image).save(path, exif=exif)
        expected = predict(net, image.rot90(-1, (1, 2)))
        assert torch.equal(predict(net, path), expected)
        with Image.open(path) as photo:
            assert torch.equal(predict(net, photo), expected)

    def test_palette_with_transparency(self, net, image):
        colours = pil(image).quantize(16)
        expected = predict(net, colours.convert("RGB"))
        colours.info["transparency"] = bytes(range(16))
        assert torch.equal(predict(net, colours), expected)

    def test_rounding_around_the_range_is_allowed(self, net, image):
        picture = image / 255
        shifted = picture + 5e-4
        shifted[:, 0, 0] = -5e-4
        assert predict(net, shifted).shape == (64, 96)

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda x: x.float(), r"0\.\.1 .*float32 with values in 0\.\.255"),
            (lambda x: normalize(x / 255), r"normalised yet, got .* in -2"),
            (lambda x: x / 255 - 0.5, r"in -0\.5\.\.0\.5"),
            (lambda x: x / x.new_tensor(0.0), "nan"),
            (lambda x: torch.full((3, 64, 96), torch.inf), "inf"),
            (lambda x: x.long(), "got torch.int64"),
            (lambda x: x > 9, "got torch.bool"),
            (lambda x: x.numpy().transpose(1, 2, 0) > 9, "got bool"),
            (lambda x: x.numpy().astype("uint16").transpose(1, 2, 0), "uint16"),
            (lambda x: np.full((64, 96, 3), np.nan), "nan"),
            (lambda x: np.full((64, 96, 3), None), "got object"),
            (lambda x: x.numpy(), r"h w c or h w with c = 3, .*\(3, 64, 96\)"),
            (lambda x: x[:2], r"c = 3, got shape \(2, 64, 96\)"),
            (lambda x: x[[0, 0, 0, 0]], r"c = 3, got shape \(4, 64, 96\)"),
            (lambda x: x[0], r"c h w or b c h w with c = 3.*\(64, 96\)"),
            (lambda x: x[None, None], r"got shape \(1, 1, 3, 64, 96\)"),
            (lambda x: x[:, :0], r"empty: shape \(3, 0, 96\)"),
            (lambda x: x[None, :, :, :0], r"empty: shape \(1, 3, 64, 0\)"),
            (lambda x: x[None][:0], r"empty: shape \(0, 3, 64, 96\)"),
            (lambda x: np.zeros((0, 9, 3), "uint8"), "empty"),
            (lambda x: np.zeros((9, 9, 9, 3), "uint8"), r"\(9, 9, 9, 3\)"),
            (lambda x: np.zeros((), "uint8"), r"got shape \(\)"),
            (lambda x: Image.new("I;16", (9, 9)), "8 bits .* got mode I;16"),
            (lambda x: Image.new("F", (9, 9)), "8 bits .* got mode F"),
        ],
    )
    def test_wrong_values_and_shapes(self, net, image, make, message):
        with pytest.raises(ValueError, match=message):
            predict(net, make(image))

    @pytest.mark.parametrize("picture", [None, 3, [1, 2], b"x.png", {}])
    def test_things_that_are_no_picture(self, net, picture):
        name = type(picture).__name__
        with pytest.raises(TypeError, match=f"a path, .* got {name}"):
            predict(net, picture)

    def test_files_that_cannot_be_read(self, net, tmp_path):
        text = tmp_path / "text.png"
        text.write_text("no picture")
        for path in (text, tmp_path / "nowhere.png", tmp_path, ""):
            with pytest.raises(DataError):
                predict(net, path)


class TestTask:
    """What the model was trained for decides how it sees a picture."""

    def test_normalisation(self, image):
        model = Colour()
        predict(model, image)
        torch.testing.assert_close(model.seen[0][0], normalize(image / 255))
        mean, std = (10.0, 20.0, 30.0), (50.0, 60.0, 70.0)
        model.task = Task(classes=COLOURS, mean=mean, std=std)
        predict(model, image)
        expected = normalize(image / 255, mean, std)
        torch.testing.assert_close(model.seen[1][0], expected)

    def test_short_side(self, image):
        model = Colour()
        predict(model, image)
        model.task = Task(classes=COLOURS, short_side=32)
        assert predict(model, image).shape == (64, 96)
        predict(model, image, scales=(1.0, 2.0))
        predict(model, image, short_side=64)
        own, half = (64, 96), (32, 64)  # rounded up to multiples of 32
        assert model.sizes == [own, half, half, own, own]

    def test_of_a_model_that_is_wrapped(self, image):
        model = Colour()
        model.task = Task(classes=COLOURS, short_side=32)
        predict(nn.DataParallel(model), image)
        assert model.sizes == [(32, 64)]

    def test_something_else_of_that_name(self, net, image):
        expected = predict(net, image)
        net.task = "segment"
        assert torch.equal(predict(net, image), expected)

    def test_channels(self, tiny):
        """Four of them, as for RGB and infrared."""
        from dataclasses import replace

        net = SegFormer(replace(tiny, in_channels=4)).eval()
        picture = torch.rand(4, 40, 50)
        with pytest.raises(ValueError, match="normalisation of 4 channels"):
            predict(net, picture)
        four = {"mean": (127.5,) * 4, "std": (57.5,) * 4}
        net.task = Task(classes=list("abcde"), **four)
        assert predict(net, picture).shape == (40, 50)
        with pytest.raises(ValueError, match="h w c with c = 4"):
            predict(net, np.zeros((40, 50, 3), "uint8"))


class TestModes:
    def test_every_module_gets_its_mode_back(self, net, image):
        net.train()
        net.decoder.norm.eval()  # frozen
        net.encoder.stages[1].eval()
        before = [module.training for module in net.modules()]
        assert len(set(before)) == 2
        inside = []
        net.decoder.register_forward_hook(
            lambda *_: inside.extend(m.training for m in net.modules())
        )
        predict(net, image)
        assert inside and not any(inside)
        assert [module.training for module in net.modules()] == before

    def test_also_after_an_error(self, net, image):
        net.train()
        with pytest.raises(ValueError, match="at least 32 pixels"):
            predict(net, image, window=16)
        assert all(module.training for module in net.modules())

    def test_training_mode_changes_nothing(self, net, image):
        """No dropout, no new statistics of BatchNorm, no random numbers."""
        expected = predict(net, image)
        before = {k: x.clone() for k, x in net.state_dict().items()}
        state = torch.get_rng_state()
        for _ in range(2):
            assert torch.equal(predict(net.train(), image), expected)
        assert torch.equal(torch.get_rng_state(), state)
        for name, x in net.state_dict().items():
            assert torch.equal(x, before[name]), name

    def test_no_gradients(self, image):
        model = Colour()
        predict(model, image, flip=True)
        logits = sliding_logits(
            model, torch.rand(1, 3, 32, 32), window=32, stride=9
        )
        assert logits.requires_grad
        grads = []
        model.register_forward_hook(lambda *x: grads.append(x[2].requires_grad))
        predict(model, image, flip=True)
        assert grads == [False, False]


class TestModel:
    @pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
    def test_other_precisions(self, net, image, dtype):
        expected = predict(net, image)
        for options in ({}, {"flip": True}, {"window": 64}):
            found = predict(net.to(dtype), image, **options)
            if not options:
                assert (found == expected).float().mean() > 0.9

    def test_without_parameters(self, image):
        assert predict(nn.AvgPool2d(4), image).shape == (64, 96)

    @pytest.mark.parametrize(
        ("output", "message"),
        [
            (lambda x: {"out": x}, "b k h w, got dict"),
            (lambda x: x[0], r"b k h w, got shape \(3, \d\d, \d\d\)"),
        ],
    )
    def test_models_that_return_something_else(self, image, output, message):
        class Other(nn.Module):
            def forward(self, x):
                return output(x)

        for options in ({}, {"window": 32}):
            with pytest.raises(TypeError, match=message):
                predict(Other(), image, **options)

    def test_something_that_is_no_model(self, image):
        with pytest.raises(TypeError, match="must be a module, got str"):
            predict("b0", image)

    def test_weights_that_are_not_finite(self, net, image):
        """argmax would give labels all the same."""
        with torch.no_grad():
            net.decoder.classify.bias[2] = torch.nan
        for options in ({}, {"flip": True}, {"window": 32}):
            with pytest.raises(ValueError, match="returned nan"):
                predict(net, image, **options)


def test_labels_are_the_model_s(net, image):
    with torch.no_grad():
        logits = net(eval_transform(image[:, :50, :70])[None])
    expected = labels_from_logits(logits, (50, 70))[0]
    assert torch.equal(predict(net, image[:, :50, :70]), expected)


def test_labels_have_the_size_asked_for(image):
    model = Colour()
    assert predict(model, image[:, :50, :70]).shape == (50, 70)
    assert predict(model, image, size=(33, 20)).shape == (33, 20)
    assert predict(model, image, size=[33, 20], flip=True).shape == (33, 20)
    predict(model, image, short_side=32)
    assert set(model.sizes[:-1]) == {(64, 96)}
    assert model.sizes[-1] == (32, 64)


@pytest.mark.parametrize(
    "options",
    [
        {"flip": True},
        {"scales": (0.5, 1.0, 2.0), "flip": True},
        {"window": 32, "stride": 20},
        {"window": 32, "stride": 20, "scales": (1.0, 2.0)},
    ],
)
def test_a_model_that_does_not_care(options):
    """Large areas of colour: any scale, side and window give the same."""
    image = torch.zeros(3, 64, 96, dtype=torch.uint8)
    image[0, :, :32], image[1, :, 32:64], image[2, :, 64:] = 255, 255, 255
    expected = torch.arange(3).repeat_interleave(32).expand(64, 96)
    assert torch.equal(predict(Colour(), image, **options), expected)


def test_each_scale_and_side_is_looked_at(image):
    model = Colour()
    predict(model, image, scales=(0.5, 1.0), flip=True)
    assert model.sizes == [(32, 64)] * 2 + [(64, 96)] * 2


def test_mirrored_logits_are_turned_back(image):
    """The mean over both sides of a model that prefers the left."""

    class Left(nn.Module):
        def forward(self, x):
            left = torch.linspace(3, 0, x.shape[3]).expand_as(x[:, 0])
            return torch.stack([left, x[:, 0] * 0 + 1], 1)

    alone = predict(Left(), image)
    both = predict(Left(), image, flip=True)
    assert not torch.equal(alone, alone.flip(1))
    assert torch.equal(both, both.flip(1))


def test_average_is_that_of_the_official_code(net, image):
    """Softmax at full size, then the sum over the passes, then argmax."""
    total = 0
    for side in (32, 64, 128):
        x = eval_transform(image, short_side=side)[None]
        for mirrored in (False, True):
            with torch.no_grad():
                logits = net(x.flip(3)).flip(3) if mirrored else net(x)
            size = {"size": (64, 96), "mode": "bilinear"}
            total = total + F.interpolate(logits, **size).softmax(1)
    found = predict(net, image, scales=(0.5, 1.0, 2.0), flip=True)
    assert torch.equal(found, total.argmax(1)[0])


class Peak(TorchDispatchMode):
    """How many tensors of a size and more are alive at once, at most."""

    def __init__(self, numel: int):
        super().__init__()
        self.numel = numel
        self.storages = set()
        self.most = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor) and result.numel() >= self.numel:
            self.storages.add(StorageWeakRef(result.untyped_storage()))
        alive = sum(not storage.expired() for storage in self.storages)
        self.most = max(self.most, alive)
        return result


def test_memory_for_many_classes(monkeypatch):
    """More than 32 of them are held at full size in a few rows alone."""

    class Many(nn.Module):
        def forward(self, x):
            return F.avg_pool2d(x, 4).repeat(1, 20, 1, 1)

    image = torch.randint(256, (3, 96, 128), dtype=torch.uint8)
    monkeypatch.setattr(prediction, "AT_ONCE", 60 * 8 * 128)
    for options in (
        {},
        {"flip": True, "scales": (0.5, 1)},
        {"window": 64},
        {"window": 64, "flip": True},
    ):
        with Peak(40 * 96 * 128) as peak:
            predict(Many(), image, **options)
        assert peak.most == 0, options


class TestWindows:
    @pytest.mark.parametrize(
        ("window", "stride"), [(32, 32), (32, 20), (64, 40)]
    )
    def test_cover_everything_once_averaged(self, window, stride):
        """A model that says the same of each window gives that everywhere."""
        images = torch.randn(2, 3, 75, 107)

        class Same(nn.Module):
            def forward(self, x):
                assert max(x.shape[2:]) <= window
                return (
                    x.new_ones(len(x), 5, 8, 8) * torch.arange(5)[:, None, None]
                )

        logits = sliding_logits(Same(), images, window=window, stride=stride)
        expected = torch.arange(5.0)[:, None, None].expand(2, 5, 75, 107)
        torch.testing.assert_close(logits, expected)

    def test_as_large_as_the_picture_is_the_picture(self, net, image):
        x = eval_transform(image)[None]
        with torch.no_grad():
            expected = F.interpolate(net(x), x.shape[2:], mode="bilinear")
            logits = sliding_logits(net, x, window=96, stride=64)
        torch.testing.assert_close(logits, expected)

    @pytest.mark.parametrize("stride", [0, 33])
    def test_stride_that_leaves_gaps(self, stride):
        images = torch.zeros(1, 3, 64, 64)
        with pytest.raises(
            ValueError, match=rf"1\.\.window, got stride {stride}"
        ):
            sliding_logits(Colour(), images, window=32, stride=stride)

    def test_default_stride_is_two_thirds(self, image):
        model = Colour()
        predict(model, image, window=48)
        by_default = model.seen
        model.seen = []
        predict(model, image, window=48, stride=32)
        assert len(by_default) == len(model.seen)
        assert all(map(torch.equal, by_default, model.seen))


@pytest.mark.parametrize(
    ("picture", "options"),
    [
        (torch.zeros(3, 64, 96, dtype=torch.uint8), {"scales": (1.0, 750)}),
        (torch.zeros(3, 1, 9000, dtype=torch.uint8), {"short_side": 512}),
        # Each side is at least 32 pixels for the network.
        (torch.zeros(3, 1, 2**23 + 32, dtype=torch.uint8), {}),
    ],
)
def test_size_that_takes_all_memory(picture, options):
    model = Colour()
    with pytest.raises(ValueError, match="at most 268,435,456 are allowed"):
        predict(model, picture, **options)
    assert not model.seen


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scales": ()}, r"scales must be positive numbers, got \(\)"),
        ({"scales": (1.0, 0)}, r"positive numbers, got \(1.0, 0\)"),
        ({"scales": (-1,)}, "positive"),
        ({"scales": (float("nan"),)}, "positive"),
        ({"scales": (float("inf"),)}, "positive"),
        ({"scales": 1.5}, "positive numbers, got 1.5"),
        ({"scales": "12"}, "positive numbers, got '12'"),
        ({"short_side": 0}, "short_side must be an integer, at least 1, got 0"),
        ({"short_side": 2.5}, "short_side must be .* at least 1, got 2.5"),
        ({"window": 0}, "window must be an integer, at least 1, got 0"),
        ({"window": -32}, "window must be an integer, at least 1, got -32"),
        (
            {"window": 32, "stride": 0},
            "stride must be an integer, at least 1, got 0",
        ),
        ({"window": 32, "stride": 33}, r"1\.\.window, got stride 33"),
        ({"stride": 33}, "stride needs a window, got stride 33"),
        ({"size": 64}, "height and width, .* got 64"),
        ({"size": (64,)}, r"height and width, .* got \(64,\)"),
        ({"size": (64, 0)}, r"height and width, .* got \(64, 0\)"),
    ],
)
def test_wrong_options_come_before_any_work(image, options, message):
    model = Colour()
    with pytest.raises(ValueError, match=message):
        predict(model, "nowhere.png", **options)
    assert not model.seen
