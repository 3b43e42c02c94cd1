"""A folder that transformers saved becomes a model: config, weights, task."""

import json
import logging
import shutil
from dataclasses import replace

import pytest
import torch
from states import assert_same

from segformer_tutorial import SegFormer
from segformer_tutorial.data import MEAN, STD, Task, default_statistics
from segformer_tutorial.weights import (
    WeightsError,
    config_from_weights,
    load_model,
    load_weights,
    read_task,
    save_weights,
    to_layout,
)

pytest.importorskip("safetensors")
from safetensors.torch import save_file

NAMES = ("wall", "floor", "blåbær", "door", "sky")
CONFIG = {
    "architectures": ["SegformerForSemanticSegmentation"],
    "model_type": "segformer",
    "num_encoder_blocks": 4,
    "hidden_sizes": [8, 16, 24, 32],
    "depths": [1, 2, 1, 1],
    "num_attention_heads": [1, 2, 3, 4],
    "decoder_hidden_size": 20,
    "layer_norm_eps": 1e-6,
    "id2label": {str(k): name for k, name in enumerate(NAMES)},
}
NEW = {
    "image_processor_type": "SegformerImageProcessor",
    "do_resize": True,
    "size": {"height": 512, "width": 512},
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
    "do_reduce_labels": True,
}
OLD = {
    "feature_extractor_type": "SegformerFeatureExtractor",
    "do_normalize": True,
    "do_resize": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
    "reduce_labels": True,
    "resample": 2,
    "size": 512,
}
GONE = object()


def changed(values, changes):
    values = {**values, **changes}
    return {name: x for name, x in values.items() if x is not GONE}


@pytest.fixture
def write(trained, tmp_path):
    """Write a folder as transformers does, with some fields changed."""

    def writing(config=(), preprocessor=NEW):
        folder = tmp_path / "saved"
        folder.mkdir(exist_ok=True)
        state = to_layout(trained.state_dict(), "transformers")
        save_file(state, folder / "model.safetensors", {"format": "pt"})
        text = json.dumps(changed(CONFIG, dict(config)))
        (folder / "config.json").write_text(text)
        if preprocessor is not None:
            text = json.dumps(preprocessor)
            (folder / "preprocessor_config.json").write_text(text)
        return folder

    return writing


@pytest.mark.parametrize("preprocessor", [NEW, OLD], ids=["new", "old"])
def test_a_folder_is_read_whole(preprocessor, write, trained, caplog):
    torch.manual_seed(7)
    before = torch.get_rng_state()
    folder = write(preprocessor=preprocessor)
    model = load_model(folder)
    assert torch.equal(torch.get_rng_state(), before)
    assert not model.training
    assert_same(model.state_dict(), trained.state_dict())
    assert model.config == replace(trained.config, layer_norm_eps=1e-5)
    assert model.task == Task(
        classes=NAMES, short_side=512, mean=MEAN, std=STD, labels_from_one=True
    )
    assert read_task(folder) == model.task
    assert config_from_weights(folder) == model.config
    assert load_model(str(folder)).task == model.task
    assert not caplog.records
    shutil.rmtree(folder)  # the model needs its files no more
    model(torch.randn(1, 3, 64, 64))


def test_fields_that_no_shape_tells(write):
    """Heads and strides: wrong ones would load in silence."""
    found = {
        "num_attention_heads": [2, 4, 2, 8],
        "strides": [2, 2, 2, 2],
        "drop_path_rate": 0.3,
        "classifier_dropout_prob": 0.4,
    }
    config = load_model(write(found)).config
    assert config.num_heads == (2, 4, 2, 8)
    assert config.strides == (2, 2, 2, 2)
    assert (config.drop_path, config.dropout) == (0.3, 0.4)
    assert config_from_weights(write(found)) == config


def test_absent_fields_have_the_defaults_of_transformers(write):
    transformers = pytest.importorskip("transformers")
    default = transformers.SegformerConfig()
    from segformer_tutorial.weights import pretrained

    for _, name, value in pretrained.STAGES:
        assert list(getattr(default, name)) == value
    for _, name, value in pretrained.NUMBERS:
        assert getattr(default, name) == value
    for name, value in (pretrained.FIXED | pretrained.TRAINING).items():
        assert getattr(default, name) == value
    assert pretrained.class_names({}) == ("LABEL_0", "LABEL_1")
    assert default.id2label == {0: "LABEL_0", 1: "LABEL_1"}


def test_names_are_in_the_order_of_their_numbers(write, randomize, trained):
    """Text sorts 10 before 2."""
    randomize(trained)
    names = {str(k): f"class {k}" for k in range(12)}
    shuffled = {k: names[k] for k in sorted(names, reverse=True)}
    from segformer_tutorial.weights.pretrained import class_names

    assert class_names({"id2label": shuffled}) == tuple(names.values())


def test_no_names_but_a_number(write):
    folder = write({"id2label": GONE, "num_labels": 5})
    assert load_model(folder).task.classes == tuple(
        f"LABEL_{k}" for k in range(5)
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model_type": "bert"}, "model_type must be 'segformer'"),
        ({"model_type": None}, "model_type must be 'segformer'.*got None"),
        (
            {"architectures": ["SegformerForImageClassification"]},
            "must name SegformerForSemanticSegmentation.*encoder alone",
        ),
        ({"architectures": "x"}, "architectures must name"),
        ({"hidden_act": "relu"}, "hidden_act must be 'gelu', got 'relu'"),
        ({"hidden_act": None}, "hidden_act must be 'gelu', got None"),
        ({"reshape_last_stage": False}, "reshape_last_stage must be True"),
        ({"reshape_last_stage": 1}, "reshape_last_stage must be True"),
        ({"num_encoder_blocks": 3}, "num_encoder_blocks must be 4"),
        ({"quantization_config": {}}, "quantised"),
        ({"hidden_sizes": [8, 16, 24]}, "depths must hold 3"),
        ({"hidden_sizes": 8}, "dims must have one entry"),
        ({"num_attention_heads": [3, 2, 3, 4]}, "num_heads must divide"),
        ({"mlp_ratios": [4, 4, 4, 2]}, "wrong shape"),
        ({"mlp_ratios": "4444"}, "expansion_ratios must hold 4"),
        ({"depths": [1, 2, 1, 2]}, "missing"),
        ({"sr_ratios": [8, 4, 2, 2]}, "missing"),
        ({"patch_sizes": [7, 3, 3, 5]}, "wrong shape"),
        ({"decoder_hidden_size": 256}, "wrong shape"),
        ({"decoder_hidden_size": "20"}, "decoder_dim must be a positive"),
        ({"num_channels": 4}, "(?s)wrong shape|4 channels"),
        ({"num_channels": 10**12}, "num_channels must be at most 4096"),
        ({"drop_path_rate": 1.5}, "drop_path must lie in"),
        ({"id2label": {"0": "a", "2": "b"}}, "1 is missing"),
        ({"id2label": {"1": "a", "2": "b"}}, "0 is missing"),
        ({"id2label": {"0": "a", "00": "b"}}, "1 is missing"),
        ({"id2label": {"0": "a", "1": "b"}}, "wrong shape"),
        ({"id2label": {"0": 7}}, "classes must be names"),
        ({"id2label": {"0": ""}}, "classes must be names"),
        ({"id2label": ["a"]}, "id2label must name the classes"),
        ({"id2label": {}}, "id2label must name the classes"),
        ({"num_labels": 4}, "num_labels must be 5"),
        ({"id2label": GONE, "num_labels": 0}, "num_labels must be a positive"),
        ({"id2label": GONE}, "wrong shape"),
    ],
)
def test_configs_that_cannot_be_followed(changes, reason, write):
    folder = write(changes)
    with pytest.raises(WeightsError, match=f"(?s){reason}") as error:
        load_model(folder)
    assert str(folder) in str(error.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hidden_dropout_prob": 0.1}, "hidden_dropout_prob is 0.1"),
        ({"attention_probs_dropout_prob": 0.2}, "training here has 0.0"),
        ({"semantic_loss_ignore_index": -100}, "training here has 255"),
    ],
)
def test_what_matters_in_training_alone_is_said(changes, words, write, caplog):
    load_model(write(changes))
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert words in record.getMessage()


@pytest.mark.parametrize(
    ("changes", "side"),
    [
        ({"size": 640}, 640),
        ({"size": {"height": 64, "width": 64}}, 64),
        ({"size": {"shortest_edge": 96}}, 96),
        ({"size": {"shortest_edge": 96, "longest_edge": None}}, 96),
        ({"size": GONE}, 512),
        ({"do_resize": False}, None),
        ({"do_resize": False, "size": "any", "resample": 3}, None),
        ({"do_resize": None}, 512),
    ],
)
def test_sizes(changes, side, write, caplog):
    folder = write(preprocessor=changed(NEW, changes))
    assert read_task(folder).short_side == side
    assert not caplog.records


def test_a_size_that_is_not_square_is_said(write, caplog):
    size = {"height": 512, "width": 1024}
    folder = write(preprocessor={**NEW, "size": size})
    assert load_model(folder).task.short_side == 512
    assert "the shorter side gets 512 pixels" in caplog.text


@pytest.mark.parametrize(
    ("changes", "mean", "std"),
    [
        ({}, MEAN, STD),
        ({"image_mean": GONE, "image_std": GONE}, MEAN, STD),
        ({"image_mean": 0.5, "image_std": 0.2}, (127.5,) * 3, (51.0,) * 3),
        ({"do_normalize": False}, (0.0,) * 3, (255.0,) * 3),
        (
            {"do_rescale": False, "image_mean": list(MEAN), "image_std": 58},
            MEAN,
            (58.0,) * 3,
        ),
        ({"do_rescale": False, "do_normalize": False}, (0.0,) * 3, (1.0,) * 3),
        (
            {"rescale_factor": 0.5, "image_mean": 1, "image_std": 2},
            (2.0,) * 3,
            (4.0,) * 3,
        ),
    ],
)
def test_normalisation(changes, mean, std, write):
    task = read_task(write(preprocessor=changed(NEW, changes)))
    assert task.mean == pytest.approx(mean, abs=1e-8)
    assert task.std == pytest.approx(std, abs=1e-8)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"size": 0}, "size must be one number"),
        ({"size": 10**9}, "short_side must be at most 16384"),
        ({"size": True}, "size must be one number"),
        ({"size": "512"}, "size must be one number"),
        ({"size": [512, 512]}, "size must be one number"),
        ({"size": {"height": 512}}, "size must be one number"),
        ({"size": {"longest_edge": 512}}, "size must be one number"),
        ({"size": {"height": 512, "width": -1}}, "size must be one number"),
        ({"resample": 3}, "resample must be 2"),
        ({"do_pad": True}, "do_pad must be false"),
        ({"do_center_crop": True}, "do_center_crop must be false"),
        ({"do_resize": "yes"}, "do_resize must be true or false, got 'yes'"),
        ({"do_reduce_labels": 1}, "do_reduce_labels must be true or false"),
        ({"image_mean": [0.5]}, "image_mean must have one number"),
        ({"image_mean": "x"}, "image_mean must have one number"),
        ({"image_std": [0.2, 0.2, 0]}, "std positive"),
        ({"image_std": [0.2, 0.2, -1]}, "std positive"),
        ({"image_std": [1e300, 1e300, 1e300]}, "finite"),
        ({"image_mean": [10**400, 0, 0]}, "too large"),
        ({"rescale_factor": 0}, "rescale_factor must be positive"),
        ({"rescale_factor": "1/255"}, "rescale_factor must be positive"),
        ({"rescale_factor": 1e-320}, "finite|too large"),
        ({"image_processor_type": "ViTImageProcessor"}, "must be Segformer's"),
        ({"feature_extractor_type": 5}, "must be Segformer's"),
    ],
)
def test_preprocessing_that_cannot_be_followed(changes, reason, write):
    folder = write(preprocessor=changed(NEW, changes))
    for read in (load_model, read_task):
        with pytest.raises(WeightsError, match=reason) as error:
            read(folder)
        path = folder / "preprocessor_config.json"
        assert str(error.value).startswith(f"{path}: ")


def test_labels_are_not_reduced_by_default(write):
    folder = write(preprocessor=changed(NEW, {"do_reduce_labels": GONE}))
    assert read_task(folder).labels_from_one is False


def test_without_preprocessing(write, caplog):
    task = load_model(write(preprocessor=None)).task
    mean, std = default_statistics(3)
    assert task == Task(classes=NAMES, mean=mean, std=std)
    assert "preprocessor_config.json: is not there" in caplog.text


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.safetensors"])
def test_old_files_lack_the_counter(name, write, trained):
    folder = write()
    (folder / "model.safetensors").unlink()
    state = to_layout(trained.state_dict(), "transformers")
    del state["decode_head.batch_norm.num_batches_tracked"]
    save = torch.save if name.endswith(".bin") else save_file
    save(state, folder / name)
    model = load_model(folder)
    assert model.decoder.norm.num_batches_tracked == 0
    assert torch.equal(model.decoder.fuse.weight, trained.decoder.fuse.weight)
    model(torch.randn(1, 3, 64, 64))


def test_safetensors_go_before_a_pickle(write, trained):
    folder = write()
    torch.save({}, folder / "pytorch_model.bin")
    assert_same(load_model(folder).state_dict(), trained.state_dict())


def test_other_functions_take_a_folder(write, trained, model):
    report = load_weights(model, write())
    assert report.layout == "transformers"
    assert_same(model.state_dict(), trained.state_dict())


def test_a_folder_of_our_own_file(trained, tmp_path):
    task = Task(classes=NAMES)
    save_weights(trained, tmp_path / "model.safetensors", task=task)
    model = load_model(tmp_path)
    assert (model.config, model.task) == (trained.config, task)
    assert read_task(tmp_path) == task
    assert config_from_weights(tmp_path) == trained.config


def test_the_config_of_a_classifier_gives_the_encoder(write, trained):
    """config_from_weights serves encoders too, from the shapes."""
    folder = write({"architectures": ["SegformerForImageClassification"]})
    config = config_from_weights(folder, num_heads=(1, 2, 3, 4))
    assert config == trained.config
    assert read_task(folder) is None


def test_logits_are_those_of_transformers(tmp_path, randomize):
    """What its own save_pretrained writes: every size, float64, shards."""
    transformers = pytest.importorskip("transformers")
    names = dict(enumerate(NAMES))
    theirs = transformers.SegformerForSemanticSegmentation(
        transformers.SegformerConfig(
            hidden_sizes=[8, 16, 24, 32],
            depths=[1, 2, 1, 1],
            num_attention_heads=[2, 1, 3, 2],
            sr_ratios=[4, 4, 2, 1],
            mlp_ratios=[2, 4, 3, 4],
            patch_sizes=[7, 5, 3, 3],
            strides=[4, 2, 2, 1],
            num_channels=4,
            decoder_hidden_size=20,
            id2label=names,
            label2id={name: k for k, name in names.items()},
        )
    )
    randomize(theirs).double().eval()
    processor = transformers.SegformerImageProcessor(
        image_mean=[0.1, 0.2, 0.3, 0.4],
        image_std=[0.5, 0.6, 0.7, 0.8],
        do_reduce_labels=True,
        size={"height": 96, "width": 96},
    )
    images = torch.randn(2, 4, 61, 75, dtype=torch.float64)
    with torch.no_grad():
        expected = theirs(images).logits
    for size in ("1GB", "30KB"):
        folder = tmp_path / size
        theirs.save_pretrained(folder, max_shard_size=size)
        processor.save_pretrained(folder)
        assert len(list(folder.glob("*.safetensors"))) == 1 or size == "30KB"
        model = load_model(folder)
        with torch.no_grad():
            torch.testing.assert_close(
                model(images), expected, atol=1e-12, rtol=1e-12
            )
        assert model.task.classes == NAMES
        assert model.task.short_side == 96
        assert model.task.mean == pytest.approx([25.5, 51, 76.5, 102])
        assert model.task.labels_from_one
    assert isinstance(model, SegFormer)
