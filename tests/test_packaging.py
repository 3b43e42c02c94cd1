"""What package tools read agrees with Colab, the README and itself."""

import re
from itertools import chain

import pytest
import tomllib
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import environments
import guards
import notebooks
import segformer_tutorial

ROOT = notebooks.ROOT
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
README = (ROOT / "README.md").read_text(encoding="utf-8")
VERSION = segformer_tutorial.__version__

# What the first cell of a notebook may add to Colab: packages that ask for
# nothing else and that nothing there depends on. Today Colab has them all.
ADDED_TO_COLAB: set[str] = set()


def requirements(extra: str | None = None) -> list[Requirement]:
    """What an extra asks for, with the extras that it names and the base."""
    found = [Requirement(x) for x in PROJECT["project"]["dependencies"]]
    for requirement in map(Requirement, EXTRAS[extra] if extra else []):
        if requirement.name == PROJECT["project"]["name"]:
            for name in sorted(requirement.extras):
                found += requirements(name)
        else:
            found.append(requirement)
    return found


def colab() -> dict[str, str]:
    """The versions in Colab, by name."""
    lines = (ROOT / environments.COLAB).read_text(encoding="utf-8").split("\n")
    pairs = (line.split("==") for line in lines if re.match(r"\w", line))
    return {canonicalize_name(name): version for name, version in pairs}


def test_the_first_cell_changes_nothing_in_colab():
    extra = re.search(r"\{home\}\[(\w+)\]", notebooks.BOOTSTRAP)[1]
    there = colab()
    for wanted in requirements(extra):
        name = canonicalize_name(wanted.name)
        if name in there:
            assert wanted.specifier.contains(there[name]), wanted
        else:
            assert name in ADDED_TO_COLAB, wanted


def test_the_export_cell_adds_what_the_export_extra_names():
    added = set(re.findall(r'"(onnx\w*)"', notebooks.EXPORT))
    names = {canonicalize_name(x.name) for x in requirements("export")}
    assert added == names - set(colab())


@pytest.mark.parametrize("extra", [None, *EXTRAS])
def test_every_requirement_has_a_floor_and_no_ceiling(extra):
    """The oldest environments are made of the floors."""
    for wanted in requirements(extra):
        assert [s.operator for s in wanted.specifier] == [">="], wanted


def test_classifiers_begin_at_the_oldest_python():
    pythons = [
        found[1]
        for line in PROJECT["project"]["classifiers"]
        if (found := re.fullmatch(r".*Python :: (3\.\d+)", line))
    ]
    assert PROJECT["project"]["requires-python"] == f">={pythons[0]}"
    tried = {e.python for e in environments.ENVIRONMENTS.values()}
    assert {pythons[0], pythons[-1]} <= tried <= set(pythons)


def test_the_version_is_written_once():
    assert "version" in PROJECT["project"]["dynamic"]
    attribute = PROJECT["tool"]["setuptools"]["dynamic"]["version"]["attr"]
    assert attribute == "segformer_tutorial.__version__"
    citation = yaml.safe_load(
        (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    )
    assert citation["version"] == VERSION
    heading = f"## [{VERSION}] - {citation['date-released']}"
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert heading in changes.splitlines()


def test_the_types_are_shipped():
    shipped = PROJECT["tool"]["setuptools"]["package-data"]
    assert shipped == {"segformer_tutorial": ["py.typed"]}
    assert (ROOT / "segformer_tutorial" / "py.typed").is_file()


def test_addresses_of_the_readme_hold_elsewhere():
    """A package index shows the README without the repository around it."""
    raw, page = notebooks.raw_address(), notebooks.file_address()
    images = {target for _, target in guards.text_images(README)}
    targets = images | set(re.findall(r"\]\(([^)\s]+)", README))
    assert any(x.startswith(raw) for x in images)
    for target in targets:
        assert re.match(r"https://|#", target), target
        for base in (raw, page):
            if target.startswith(base):
                file = target.removeprefix(base).partition("#")[0]
                assert (ROOT / file).exists(), target


@pytest.mark.parametrize("name", environments.ENVIRONMENTS)
def test_commands_of_an_environment(name, tmp_path):
    """They name an extra, a folder and files that exist."""
    make, install, *runs = environments.commands(name)
    assert environments.ENVIRONMENTS[name].python in make
    assert str(environments.FOLDER / name) in make
    extras = re.findall(r"\.\[([\w,]+)\]", " ".join(install))
    assert all(extra in EXTRAS for x in extras for extra in x.split(","))
    assert len(runs) == len(environments.ENVIRONMENTS[name].runs) > 0
    files = [
        found[1]
        for argument in chain(install, *runs)
        if (found := re.fullmatch(r"(?:--\w+=)?(tests/\S+|book)", argument))
    ]
    assert files and all((ROOT / file).exists() for file in files)


def test_the_weekly_run_tries_every_environment():
    file = ROOT / ".github" / "workflows" / "weekly.yml"
    jobs = yaml.safe_load(file.read_text(encoding="utf-8"))["jobs"]
    tried = jobs["environments"]["strategy"]["matrix"]["include"]
    assert {x["name"]: x["python"] for x in tried} == {
        name: e.python for name, e in environments.ENVIRONMENTS.items()
    }


def test_another_python_can_be_named():
    make, *_ = environments.commands("train", "/usr/bin/python3.12")
    assert "/usr/bin/python3.12" in make and "3.10" not in make


def test_an_environment_runs_all_its_tests_and_tells(monkeypatch):
    codes = iter([0, 0, 1, 0])
    ran = []

    def run(command, **options):
        ran.append(command)
        return environments.subprocess.CompletedProcess(command, next(codes))

    monkeypatch.setattr(environments.subprocess, "run", run)
    assert environments.main(["colab"]) == 1
    assert ran == environments.commands("colab")
