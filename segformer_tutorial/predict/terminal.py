"""What the commands share: parsers, errors, notes, exit statuses."""

import argparse
import sys
from collections.abc import Callable
from io import TextIOWrapper
from typing import NoReturn, cast

from .memory import use_huge_pages


def command_parser(
    name: str, *, usage: str, description: str, epilog: str
) -> argparse.ArgumentParser:
    """A parser for `python -m segformer_tutorial.NAME`.

    The texts of its help keep their lines, and flags are written in full, so
    that a new one never changes what a script means.
    """
    return argparse.ArgumentParser(
        prog=f"python -m segformer_tutorial.{name}",
        usage=f"%(prog)s {usage}",
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def status_of(
    work: Callable[[], int | None], *, extra: str, stopped: str = "stopped"
) -> int:
    """Do the work of a command, and return its exit status.

    That is what `work` returns, or 0; 1 after an error, which is printed, and
    130 after Ctrl-C, where `stopped` is. extra: the one that installs what may
    be missing.
    """
    use_huge_pages()
    try:
        return work() or 0
    except ImportError as error:
        say("error", f'{error} (the extra "{extra}" has it)')
        return 1
    except (ValueError, OSError) as error:
        say("error", str(error))
        return 1
    except KeyboardInterrupt:
        print(stopped, file=sys.stderr)
        return 130


def run_script(main: Callable[[], int]) -> NoReturn:
    """Run `main` as the program, and exit with its status."""
    for stream in (sys.stdout, sys.stderr):  # names that it cannot show
        cast(TextIOWrapper, stream).reconfigure(errors="backslashreplace")
    sys.exit(main())


def note(text: str) -> None:
    """Print a note on stderr."""
    say("note", text)


def say(kind: str, text: str) -> None:
    """Print an error or a note, of one or several lines, on stderr."""
    lines = map(printable, text.split("\n"))
    print(f"{kind}: " + "\n".join(lines), file=sys.stderr)


def printable(text: str) -> str:
    """A text without what a terminal would obey or cannot show.

    A name of a file may hold anything.
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
