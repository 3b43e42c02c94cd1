"""The command line of training: flags, a JSON file, or a run to resume."""

import argparse
import types
from collections.abc import Callable, Sequence
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

from ..data import data_folder
from ..predict.terminal import command_parser
from .settings import TrainConfig, TrainError, check_value, near, read_config
from .typed import alternatives, element, from_text

DESCRIPTION = """\
Train a SegFormer. Without --config, --data and --dataset it trains on the
drawn scenes, with the settings of configs/scenes.json. The defaults below are
the official recipe for ADE20K."""
EPILOG = """\
Training needs the extra "train": pip install -e ".[train]" in a clone.
Several processes: accelerate launch -m segformer_tutorial.train [options]"""


def parse(arguments: Sequence[str] | None = None) -> tuple[TrainConfig, bool]:
    """Read the command line: the config, and whether to resume its run.

    Flags win over the file of --config. Exits with code 2 for a command line
    that cannot be read; raises TrainError for settings that cannot be used,
    and FileNotFoundError where the drawn scenes are asked for and missing.
    """
    parser = command_line()
    found, unknown = parser.parse_known_args(arguments)
    if unknown:
        flag = next((x for x in unknown if x.startswith("-")), unknown[0])
        known = ["--help", "--config", "--resume"]
        known += [flag_of(x.name) for x in fields(TrainConfig)]
        parser.error(f"unknown {flag}{near(flag.split('=')[0], known)}")
    flags = vars(found)
    path, run = flags.pop("config"), flags.pop("resume")
    if run is not None:
        others = [
            *(["config"] if path else []),
            *sorted(flags.keys() - {"steps"}),
        ]
        if others:
            parser.error(
                "--resume takes its settings from the run's config.json and "
                "goes with --steps alone; leave out "
                + ", ".join(map(flag_of, others))
            )
        changes = flags | {"output": str(run)}
        return config_from(run / "config.json", changes), True
    if path is None and not flags.keys() & {"data", "dataset"}:
        path = data_folder().parent / "configs" / "scenes.json"
    return config_from(path, flags), False


def config_from(path: Path | None, flags: dict[str, Any]) -> TrainConfig:
    """The settings of a file, if any, with those of the flags instead."""
    for known in fields(TrainConfig):
        if known.name in flags:
            check_value(known, flags[known.name])
    values = read_config(path) if path else {}
    try:
        return TrainConfig(**values | flags)
    except TrainError as error:  # of the file, or of the two together
        raise TrainError(f"{path}: {error}" if path else error) from error


def command_line() -> argparse.ArgumentParser:
    """A flag for each field of TrainConfig, and for --config and --resume."""
    parser = command_parser(
        "train",
        usage="[options]",
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    parser.add_argument(
        "--config", type=Path, help="JSON file of settings; flags win over it"
    )
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="RUN",
        help="resume the run in this folder from its last checkpoint; with "
        "--steps for more steps than it was started with",
    )
    groups = {}
    for known in fields(TrainConfig):
        name = known.metadata["group"]
        if name not in groups:
            groups[name] = parser.add_argument_group(name)
        add_flag(groups[name], known)
    return parser


def add_flag(group, known: Field) -> None:
    """Add the flag of a field: its type, its help and its default."""
    text = known.metadata["help"]
    options: dict[str, Any] = {"default": argparse.SUPPRESS}
    if known.type is bool:
        options["action"] = argparse.BooleanOptionalAction
    else:
        if known.default not in ("", None):
            text += f" (default: {known.default})"
        choices = known.metadata.get("choices")
        options["choices"] = choices
        options["type"] = reader(known.type)
        options["metavar"] = known.metadata.get("metavar") or (
            "|".join(filter(None, choices)) if choices else kinds(known.type)
        )
    text = text.replace("%", "%%")
    group.add_argument(flag_of(known.name), help=text, **options)


def flag_of(name: str) -> str:
    """The flag of a field."""
    return "--" + name.replace("_", "-")


def reader(kind: Any) -> Callable[[str], Any]:
    """Read a flag's text as argparse wants it: with its own error."""

    def read(text: str) -> Any:
        try:
            return from_text(text, kind)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def kinds(kind: Any) -> str:
    """What may stand behind a flag, in capitals."""
    names = []
    for each in alternatives(kind):
        if inner := element(each):
            names.append(f"{inner.__name__.upper()},...")
        elif each not in (types.NoneType, dict):
            names.append(each.__name__.upper())
    return "|".join(names)
