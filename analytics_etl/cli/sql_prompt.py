"""The prompt of `sql`: lines that can be edited and found again, and errors that do not end it."""

from collections.abc import Callable
from pathlib import Path

from analytics_etl.cli.explanations import explanation
from analytics_etl.cli.terminal import Styled, err, out
from analytics_etl.pipeline.adhoc import StatementError, is_complete, statements

_HELP = "A statement ends with ; and may have several lines. .tables lists the tables, .quit or ^D ends."
_MOST_REMEMBERED = 1_000


def converse(history: Path, answer: Callable[[str], None], tables: Callable[[], list[str]]) -> None:
    """Answer what is typed until it ends. Errors and ^C end a statement, not the prompt."""
    _remember(history)
    out.say(f"DuckDB over the lake and PostgreSQL, read-only. {_HELP}")
    typed = ""
    while True:
        try:
            typed += input("...> " if typed else "sql> ") + "\n"
            if typed.strip() in (".quit", ".exit"):
                return
            typed, command = _taken(typed)
            _obey(command, answer, tables)
        except EOFError:
            out.say("")
            return
        except KeyboardInterrupt:
            typed = ""
            out.say("")
        except Exception as error:
            said = str(error) if isinstance(error, StatementError) else explanation(error)
            if said is None:
                raise
            err.say_lines(said, Styled("Error:", "bold red"), " ")


def _taken(typed: str) -> tuple[str, str]:
    """What stays of the typed lines, and what is complete."""
    command = typed.strip()
    return ("", command) if not command or command.startswith(".") or is_complete(command) else (typed, "")


def _obey(command: str, answer: Callable[[str], None], tables: Callable[[], list[str]]) -> None:
    if command.startswith("."):
        out.write("\n".join(tables() if command == ".tables" else [_HELP]) + "\n")
        return
    for statement in statements(command):
        answer(statement)


def _remember(history: Path) -> None:
    """Let lines be edited and found again, also in the next prompt. Only their user may read them."""
    import atexit  # noqa: PLC0415 - only for a prompt
    import readline  # noqa: PLC0415 - takes the terminal over

    history.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    history.touch(mode=0o600)
    readline.read_history_file(history)
    readline.set_history_length(_MOST_REMEMBERED)
    atexit.register(readline.write_history_file, history)
