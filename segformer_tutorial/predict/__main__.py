"""Label pictures: `python -m segformer_tutorial.predict --help`."""

import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import cast

from .command import parse
from .memory import use_huge_pages


def main(arguments: Sequence[str] | None = None) -> int:
    """Label pictures as the command line says.

    Returns 0, 1 after an error or if a picture was skipped, 130 after Ctrl-C.
    """
    options = parse(arguments)
    use_huge_pages()
    try:
        from .run import run

        skipped = run(options)
    except ImportError as error:
        print(f'error: {error} (the extra "train" has it)', file=sys.stderr)
        return 1
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 1 if skipped else 0


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):  # names that it cannot show
        cast(TextIOWrapper, stream).reconfigure(errors="backslashreplace")
    sys.exit(main())
