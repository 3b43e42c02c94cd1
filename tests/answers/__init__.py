"""RIGHT and WRONG answers to all exercises, one file for each subject."""

from importlib import import_module
from pkgutil import iter_modules

SUBJECTS = {
    module.name: import_module(f"{__name__}.{module.name}")
    for module in iter_modules(__path__)
}
RIGHT = {
    f"{subject}.{name}": answer
    for subject, module in SUBJECTS.items()
    for name, answer in module.RIGHT.items()
}
WRONG = [
    (f"{subject}.{name}", answer, words)
    for subject, module in SUBJECTS.items()
    for name, answer, words in module.WRONG
]
