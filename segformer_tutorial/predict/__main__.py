"""Label pictures: `python -m segformer_tutorial.predict --help`."""

from collections.abc import Sequence

from .command import parse
from .terminal import run_script, status_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Label pictures as the command line says.

    Returns 0, 1 after an error or if a picture was skipped, 130 after Ctrl-C.
    """
    options = parse(arguments)

    def work() -> int:
        from .run import run

        return min(run(options), 1)

    return status_of(work, extra="train")


if __name__ == "__main__":
    run_script(main)
