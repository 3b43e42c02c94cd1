"""`python -m segformer_tutorial.predict`: pictures become files of results."""

import multiprocessing
import os
import random
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

pytest.importorskip("torchvision")
pytest.importorskip("safetensors")
import numpy as np
from labelling import NAMES, check_whole, label, results, shares, write_weights
from pictures import picture, save
from PIL import Image
from processes import in_a_process

from segformer_tutorial import SegFormer
from segformer_tutorial.data import read_labels
from segformer_tutorial.predict import predict
from segformer_tutorial.predict import run as work
from segformer_tutorial.predict.colors import PALETTE, overlay
from segformer_tutorial.weights import load_model, to_layout


@pytest.fixture
def weights(trained, tmp_path):
    """Of a model to which no class is more likely than another."""
    with torch.no_grad():
        mean = trained(torch.randn(1, 3, 64, 64)).mean((0, 2, 3))
        trained.decoder.classify.bias -= mean
    return write_weights(trained, tmp_path / "model.safetensors")


@pytest.fixture
def photos(tmp_path):
    """Three pictures of two sizes."""
    folder = tmp_path / "photos"
    for k, name in enumerate(("a.png", "b.jpg", "c.png")):
        save(folder / name, picture(k, 40, 56 if k < 2 else 48))
    return folder


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def command(weights, out, capsys):
    """Run the command, and return its status and its output."""

    def running(*arguments, weights=weights, out=out):
        status = label(*arguments, weights=weights, out=out)
        return (status, *capsys.readouterr())

    return running


def size(path):
    """Width and height."""
    with Image.open(path) as image:
        return image.size


class TestResults:
    def test_of_a_folder(self, command, photos, weights, out):
        status, text, err = command(photos)
        assert status == 0 and "3/3" in err
        assert "note" not in err and "skipped" not in err
        assert "3 pictures, 5 classes, at their own size" in text
        assert results(out) == [
            *(f"labels/{x}.png" for x in "abc"),
            *(f"overlays/{x}.png" for x in "abc"),
            "shares.csv",
        ]
        model = load_model(weights)
        rows = shares(out)
        for path in photos.iterdir():
            expected = predict(model, path)
            found = read_labels(out / "labels" / f"{path.stem}.png").long()
            assert torch.equal(found, expected)
            mine = [x for x in rows if x["picture"] == str(path)]
            counts = {int(x["index"]): int(x["pixels"]) for x in mine}
            assert len(counts) > 1
            for k, count in enumerate(expected.flatten().bincount(minlength=5)):
                assert counts.get(k, 0) == count
            assert {x["class"] for x in mine} == {NAMES[k] for k in counts}
            total = sum(float(x["share"]) for x in mine)
            assert total == pytest.approx(1, abs=1e-5)

    def test_overlay(self, command, photos, weights, out):
        assert command(photos / "a.png")[0] == 0
        found = np.array(Image.open(out / "overlays" / "a.png"))
        image = np.array(Image.open(photos / "a.png"))
        labels = predict(load_model(weights), photos / "a.png")
        assert (found[:40, :56] == overlay(image, labels)).all()
        with Image.open(out / "labels" / "a.png") as image:
            shown = np.array(image.convert("RGB"))
        assert (shown == PALETTE[labels]).all()

    def test_outputs(self, command, photos, out):
        assert command(photos, "--outputs", "labels")[0] == 0
        assert {x.split("/")[0] for x in results(out)} == {"labels"}
        status, *_ = command(photos, "--outputs", "shares", "overlays")
        assert status == 0
        assert {x.split("/")[0] for x in results(out)} == {
            "labels",
            "overlays",
            "shares.csv",
        }

    def test_batches_change_nothing(self, command, photos, out, tmp_path):
        assert command(photos)[0] == 0
        other = tmp_path / "other"
        assert command(photos, "--batch-size", 5, out=other)[0] == 0
        for name in results(out):
            assert (out / name).read_bytes() == (other / name).read_bytes()

    def test_pictures_of_one_size_go_together(
        self, command, photos, monkeypatch
    ):
        sizes = []

        def spy(model, images, **options):
            sizes.append(tuple(images.shape[::3]))
            return predict(model, images, **options)

        monkeypatch.setattr(work, "predict", spy)
        command(photos, "--batch-size", 2)
        assert sizes == [(2, 56), (1, 48)]

    @pytest.mark.parametrize(
        ("flags", "options"),
        [
            (["--short-side", 64], {"short_side": 64}),
            (["--scales", 0.5, 1], {"scales": (0.5, 1.0)}),
            (["--flip"], {"flip": True}),
            (["--window", 32], {"window": 32}),
            (["--window", 32, "--stride", 9], {"window": 32, "stride": 9}),
        ],
    )
    def test_options_are_those_of_predict(
        self, command, photos, weights, out, flags, options
    ):
        assert command(photos / "a.png", *flags)[0] == 0
        expected = predict(load_model(weights), photos / "a.png", **options)
        found = read_labels(out / "labels" / "a.png").long()
        assert torch.equal(found, expected)

    def test_own_size(self, command, photos, trained, tmp_path, out):
        """Whatever the weights say."""
        path = tmp_path / "other.safetensors"
        write_weights(trained, path, short_side=96)
        labels = out / "labels" / "a.png"
        found = []
        for flags, size in (
            ([], "shorter side 96 pixels, as in training"),
            (["--own-size"], "at their own size"),
            (["--short-side", 96], "shorter side 96 pixels\n"),
            (["--short-side", 40], "shorter side 40 pixels\n"),
        ):
            status, text, _ = command(
                photos, "--overwrite", *flags, weights=path
            )
            assert status == 0 and size in text
            found.append(labels.read_bytes())
        assert found[0] == found[2] != found[1] == found[3]

    def test_names_of_two_folders(self, command, photos, out, tmp_path):
        save(tmp_path / "more" / "a.jpg", picture(7, 33, 35))
        assert command(photos / "a.png", tmp_path / "more")[0] == 0
        sizes = {
            name: size(out / name)
            for name in results(out)
            if name.startswith("labels")
        }
        assert sizes == {
            "labels/photos/a.png": (56, 40),
            "labels/more/a.png": (35, 33),
        }

    def test_glob_that_no_shell_expanded(self, command, photos, out):
        assert command(photos / "*.png")[0] == 0
        assert "labels/b.png" not in results(out)
        assert "labels/c.png" in results(out)

    def test_files_that_are_no_pictures_are_said(self, command, photos):
        (photos / "photo.heic").write_bytes(b"heic")
        status, _, err = command(photos)
        assert status == 0
        assert "note: 1 files of the folders are no pictures" in err
        assert "photo.heic" in err

    def test_orientation(self, command, out, tmp_path):
        exif = Image.Exif()
        exif[0x0112] = 6
        path = save(tmp_path / "turned.jpg", picture(3, 40, 60), exif=exif)
        assert command(path)[0] == 0
        assert size(out / "labels" / "turned.png") == (40, 60)
        assert size(out / "overlays" / "turned.png")[1] > 60

    @pytest.mark.parametrize("channels", [1, 2, 4])
    def test_other_channels(self, command, tiny, tmp_path, out, channels):
        model = SegFormer(replace(tiny, in_channels=channels))
        path = tmp_path / "other.safetensors"
        statistics = {"mean": (127.5,) * channels, "std": (57.5,) * channels}
        write_weights(model, path, **statistics)
        np.save(tmp_path / "x.npy", picture(0, 40, 48, channels))
        assert command(tmp_path / "x.npy", weights=path)[0] == 0
        assert len(results(out)) == 3


class TestExistingResults:
    def test_are_kept(self, command, photos, out):
        assert command(photos / "a.png")[0] == 0
        before = {name: (out / name).read_bytes() for name in results(out)}
        status, text, err = command(photos)
        assert status == 1 and not text
        assert err.startswith("error: 3 results exist already: ")
        assert str(out / "labels" / "a.png") in err and "--overwrite" in err
        assert before == {x: (out / x).read_bytes() for x in results(out)}

    def test_are_replaced_if_asked(self, command, photos, out):
        command(photos)
        for name in results(out):
            (out / name).write_text("old")
        assert command(photos, "--overwrite")[0] == 0
        check_whole(out)

    def test_come_before_any_work(self, command, photos, monkeypatch):
        command(photos)
        monkeypatch.setattr(work, "load_with_report", None)
        assert command(photos)[2].startswith("error: 7 results exist already")

    def test_never_replace_a_picture(self, command, out):
        path = save(out / "labels" / "a.png", picture(0, 40, 40))
        before = path.read_bytes()
        status, _, err = command(path, "--overwrite")
        assert status == 1 and "is a picture that is to be labelled" in err
        assert path.read_bytes() == before

    def test_of_other_pictures_do_not_matter(self, command, photos, out):
        assert command(photos / "a.png", "--outputs", "labels")[0] == 0
        assert command(photos / "b.jpg")[0] == 0
        assert {"labels/a.png", "labels/b.png"} < set(results(out))


class TestWeights:
    def test_folder_of_training(self, command, photos, weights, tmp_path):
        folder = tmp_path / "run"
        folder.mkdir()
        weights.rename(folder / "last.safetensors")
        status, text, _ = command(photos, weights=folder)
        assert status == 0
        assert str(folder / "last.safetensors") in text

    def test_folder_of_something_else(self, command, photos):
        status, _, err = command(photos, weights=photos)
        assert status == 1
        assert "has none of best.safetensors, last.safetensors, model" in err

    @pytest.fixture
    def published(self, tmp_path):
        """A file as another project writes it, for so many classes."""

        def writing(classes):
            model = SegFormer.from_preset("b0", num_classes=classes)
            path = tmp_path / "model.pth"
            torch.save(to_layout(model.state_dict(), "official"), path)
            return path

        return writing

    def test_file_that_names_no_classes(self, command, photos, published, out):
        path = published(7)
        status, text, err = command(photos, weights=path)
        assert status == 0 and "so they are numbered" in err
        assert "official layout" in text
        assert {x["class"] for x in shares(out)} <= set("0123456")
        table = photos / "classes.txt"
        lines = [f"name {k} {k} 9 {k}" for k in range(7)]
        table.write_text("\n".join(lines), encoding="utf-8")
        flags = ("--classes", table, "--overwrite", "--own-size")
        status, _, err = command(photos / "a.png", *flags, weights=path)
        assert status == 0 and "numbered" not in err
        assert all(x["class"] == f"name {x['index']}" for x in shares(out))
        with Image.open(out / "labels" / "a.png") as image:
            assert image.getpalette()[:6] == [0, 9, 0, 1, 9, 1]

    def test_classes_of_another_number(self, command, photos, out):
        (photos / "classes.txt").write_text("a\nb")
        table = photos / "classes.txt"
        status, _, err = command(photos, "--classes", table)
        assert status == 1 and "5 classes expected" in err and "got 2" in err
        assert not out.exists()

    def test_encoder_alone(self, command, photos, trained, tmp_path):
        """Its decoder would label at random."""
        path = tmp_path / "encoder.pth"
        torch.save(SegFormer.from_preset("b0").encoder.state_dict(), path)
        status, _, err = command(photos, weights=path)
        assert status == 1 and "holds an encoder alone" in err

    def test_more_classes_than_a_label_file_holds(
        self, command, photos, tiny, tmp_path
    ):
        path = tmp_path / "many.safetensors"
        write_weights(SegFormer(replace(tiny, num_classes=256)), path, None)
        status, _, err = command(photos, weights=path)
        assert status == 1 and "256 classes" in err and "at most 255" in err

    def test_file_that_is_not_there(self, command, photos, out):
        status, _, err = command(photos, weights="nowhere.pth")
        assert status == 1
        assert err.startswith("error: nowhere.pth: cannot be read")
        assert not out.exists()


class TestErrors:
    @pytest.mark.parametrize(
        ("flags", "message"),
        [
            (["--scales", "0"], "scales must be positive numbers, got [0.0]"),
            (["--window", "0"], "window must be an integer, at least 1, got 0"),
            (["--stride", "8"], "stride needs a window"),
            (["--batch-size", "0"], "--batch-size must be at least 1: 0"),
            (["--own-size", "--short-side", "9"], "exclude each other"),
            (["--outputs", "video"], "invalid choice: 'video'"),
            (["--nothing"], "unrecognized arguments: --nothing"),
        ],
    )
    def test_wrong_arguments(self, command, out, flags, message):
        status, text, err = command("nowhere.png", *flags)
        assert status == 2 and not text and message in err
        assert not out.exists()

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["nowhere.png"], "nowhere.png: there is no such file or folder"),
            (["no*.png"], "no*.png: no file has such a name"),
            (["--device", "gpu"], "device must be cpu, cuda"),
        ],
    )
    def test_come_before_any_work(
        self, command, photos, out, monkeypatch, arguments, message
    ):
        monkeypatch.chdir(photos.parent)
        status, _, err = command(photos / "a.png", *arguments)
        assert status == 1 and message in err
        assert "Traceback" not in err and not out.exists()

    def test_picture_too_large_for_the_network(
        self, command, photos, out, monkeypatch
    ):
        monkeypatch.setattr(work, "MOST_AT_ONCE", 64 * 65)
        status, _, err = command(photos, "--scales", 1, 2)
        assert status == 1
        assert err.count("skipped: ") == 3
        assert "c.png: the network would see 96 x 96 pixels" in err
        assert "--window shows it parts" in err
        assert not results(out)
        assert command(photos, "--window", 32)[0] == 0

    def test_no_memory(self, command, photos, out, monkeypatch):
        """For one picture; the others get their labels."""

        def full(model, images, **options):
            if images.shape[3] == 48:
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
            return predict(model, images, **options)

        monkeypatch.setattr(work, "predict", full)
        status, _, err = command(photos)
        assert status == 1 and "c.png: DefaultCPUAllocator" in err
        assert "note: 1 of 3 pictures skipped" in err
        assert "labels/b.png" in results(out)

    def test_weights_that_are_not_finite(
        self, command, photos, trained, tmp_path, out
    ):
        with torch.no_grad():
            trained.decoder.classify.bias[2] = torch.nan
        path = write_weights(trained, tmp_path / "nan.safetensors")
        status, _, err = command(photos, weights=path)
        assert status == 1 and "returned nan" in err and not results(out)

    @pytest.mark.parametrize("error", [OSError(28, "No space left"), None])
    def test_stopped_in_the_middle(
        self, command, photos, out, monkeypatch, error
    ):
        """By a full disk or by hand: what is there is whole."""
        write, written = work.write, []

        def stop(*arguments):
            if len(written) == 2:
                raise error or KeyboardInterrupt
            written.append(write(*arguments))

        monkeypatch.setattr(work, "write", stop)
        status, _, err = command(photos)
        assert status == (1 if error else 130)
        last = err.splitlines()[-1]
        assert last == (
            "error: [Errno 28] No space left" if error else "stopped"
        )
        check_whole(out)
        assert "labels/b.png" in results(out)
        assert {Path(x["picture"]).name for x in shares(out)} == {
            "a.png",
            "b.jpg",
        }


class TestProcess:
    REFUSE = (
        "import sys\n"
        "for name in ('torchvision', 'PIL', 'tqdm', 'safetensors', "
        "'matplotlib'):\n"
        "    sys.modules[name] = None"
    )

    def test_help_without_the_extra(self):
        done = in_a_process("predict", "--help", before=self.REFUSE)
        assert done.returncode == 0, done.stderr
        assert b'extra "train"' in done.stdout and b"frames" in done.stdout
        assert not done.stderr

    def test_run_without_the_extra(self, weights, photos, out):
        done = in_a_process(
            "predict",
            photos,
            "--weights",
            weights,
            "--out",
            out,
            before=self.REFUSE,
        )
        assert done.returncode == 1
        assert done.stderr.startswith(b"error: ")
        assert b'extra "train"' in done.stderr
        assert b"Traceback" not in done.stderr
        assert not out.exists()

    def test_without_matplotlib_and_where_names_cannot_be_shown(
        self, weights, photos, out
    ):
        (photos / "木.png").write_text("no picture")
        done = in_a_process(
            "predict",
            photos,
            *("--weights", weights, "--out", out, "--device", "cpu"),
            before="import sys; sys.modules['matplotlib'] = None",
            PYTHONIOENCODING="ascii",
        )
        assert done.returncode == 1
        assert rb"\u6728.png: cannot be read" in done.stderr
        assert b"Traceback" not in done.stderr
        assert len(results(out)) == 7


SERVER = multiprocessing.get_context(
    "spawn" if os.name == "nt" else "forkserver"
)


def in_the_background(arguments) -> None:
    """Run the command, in a process of its own that is going to be killed."""
    torch.set_num_threads(1)
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    sys.exit(label(*arguments[0], **arguments[1]))


def test_killed_at_any_moment(weights, tmp_path, capsys):
    """Each file is whole or not there, and the next run puts it right."""
    if os.name != "nt":
        SERVER.set_forkserver_preload(
            ["labelling", "torchvision", "segformer_tutorial.predict.run"]
        )
    folder = tmp_path / "photos"
    for k in range(30):
        save(folder / f"{k:02}.png", picture(k, 120, 160))
    moments = random.Random(0)
    numbers = []
    for k in range(8):
        out = tmp_path / f"out{k}"
        arguments = [folder, "--overwrite"], {"weights": weights, "out": out}
        process = SERVER.Process(target=in_the_background, args=(arguments,))
        process.start()
        enough = moments.randint(0, 50)
        while process.is_alive() and len(list(out.rglob("*.png"))) < enough:
            time.sleep(0.002)
        process.kill()
        process.join()
        check_whole(out)
        numbers.append(len(list(out.rglob("*.png"))))
    assert any(0 < number < 60 for number in numbers), numbers
    (out / "labels" / f".{'0' * 32}.tmp").touch()  # left by a kill
    assert label(folder, "--overwrite", weights=weights, out=out) == 0
    assert len(results(out)) == 61
    check_whole(out)
