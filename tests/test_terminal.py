"""How every command ends: what it prints, and its exit status."""

import pytest

from segformer_tutorial.predict.terminal import note, printable, status_of


@pytest.mark.parametrize(("found", "status"), [(None, 0), (0, 0), (1, 1)])
def test_status_of_the_work(found, status, capsys):
    assert status_of(lambda: found, extra="train") == status
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (ValueError("bad"), 1, "error: bad\n"),
        (OSError("full"), 1, "error: full\n"),
        (ImportError("no x"), 1, 'error: no x (the extra "export" has it)\n'),
        (KeyboardInterrupt(), 130, "nothing is lost\n"),
    ],
)
def test_errors(error, status, message, capsys):
    def work():
        raise error

    found = status_of(work, extra="export", stopped="nothing is lost")
    assert found == status
    assert capsys.readouterr() == ("", message)


def test_other_errors_are_faults_of_the_program():
    with pytest.raises(ZeroDivisionError):
        status_of(lambda: 1 // 0, extra="train")


def test_a_terminal_obeys_nothing(capsys):
    """Lines stay lines, in errors and notes."""

    def work():
        raise ValueError("a\x1b[2J.pth:\nstraße\u202e")

    status_of(work, extra="train")
    note("b\x07")
    assert capsys.readouterr().err == (
        "error: a\\x1b[2J.pth:\nstraße\\u202e\nnote: b\\x07\n"
    )
    assert printable("木\n") == "木\\n"
