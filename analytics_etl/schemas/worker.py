"""The process that reads versions: for each it forks a process of its own with limits, which ends with the answer.

Whatever a schema does to its process, it does to no other version. `parser` asks, `messages` has the form of it.
"""

import gc
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import NoReturn

from analytics_etl.schemas import examination
from analytics_etl.schemas.limits import Limits
from analytics_etl.schemas.messages import (
    CATALOGUE,
    COMPARISON,
    LIMITS,
    QUESTION,
    READY,
    read_message,
    write_message,
)
from analytics_etl.schemas.protobuf.compiler import supplied_folders

_BLOCK = 1 << 16
_OPEN_FILES = 64
_LONGEST_ANSWER = 256 << 20
_ERRORS = "errors"
_NO_MEMORY_TO_LINK = 127
"""The dynamic linker's exit code when it has no memory left for a function's first call."""
_INPUT, _OUTPUT, _ERROR = 0, 1, 2
_REASONS = {
    signal.SIGXCPU: "it needs more than {limits.cpu_seconds} s of processor time",
    signal.SIGABRT: "the parser gave up, as it does on nesting that is too deep or for want of memory",
    signal.SIGSEGV: "the parser crashed, as it does on nesting that is too deep",
}


def main() -> None:
    """Answer until the input ends. Arguments: the limits as JSON, and the folder for temporary files."""
    limits, scratch = LIMITS.validate_json(sys.argv[1]), Path(sys.argv[2])
    supplied_folders()  # found once, before the first fork
    gc.freeze()  # what is shared with the new processes is not written to
    write_message(sys.stdout.buffer, READY)
    while (question := read_message(sys.stdin.buffer)) is not None:
        folder = Path(tempfile.mkdtemp(dir=scratch))
        try:
            written, stop = _ask(question, folder, limits)
        finally:
            shutil.rmtree(folder)
        write_message(sys.stdout.buffer, written)
        write_message(sys.stdout.buffer, stop.encode())


def _ask(question: bytes, folder: Path, limits: Limits) -> tuple[bytes, str]:
    """What a new process writes as an answer to a question, and what stopped it before its end."""
    output, end = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(output)
        _answer(question, end, folder, limits)
    os.close(end)
    written, stop = _read(output, time.monotonic() + limits.seconds)
    os.close(output)
    if stop is not None:
        os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    if stop is not None:
        return written, stop.format(limits=limits)
    code = os.waitstatus_to_exitcode(status)
    return written, "" if code == 0 else _reason(code, folder, limits)


def _answer(question: bytes, end: int, folder: Path, limits: Limits) -> NoReturn:
    """In the new process: take on the limits, read and compare, write what is found, end."""
    try:
        _confine(folder, limits)
        asked = QUESTION.validate_json(question)
        with os.fdopen(end, "wb") as stream:
            new = examination.read(asked.new)
            write_message(stream, CATALOGUE.dump_json(new.catalogue))
            if asked.old is not None:
                write_message(stream, COMPARISON.dump_json(examination.compare(examination.read(asked.old), new)))
        os._exit(0)
    except BaseException:  # noqa: BLE001 - the process ends here; its last line says why (`_reason`)
        traceback.print_exc()
    finally:
        os._exit(1)


def _confine(folder: Path, limits: Limits) -> None:
    """Give this process its limits, an empty folder, and streams of its own."""
    errors = os.open(folder / _ERRORS, os.O_WRONLY | os.O_CREAT, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), _INPUT)
    os.dup2(errors, _OUTPUT)  # else a parser that prints would speak to the other side
    os.dup2(errors, _ERROR)
    work = folder / "work"
    work.mkdir()
    os.chdir(work)
    for what, limit in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_FSIZE, limits.written_bytes),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 1))  # SIGXCPU, then SIGKILL
    gc.disable()  # the process ends before that pays


def _read(output: int, deadline: float) -> tuple[bytes, str | None]:
    """What a process writes until it ends, and why it is not read to its end."""
    blocks: list[bytes] = []
    size = 0
    while True:
        seconds = deadline - time.monotonic()
        if seconds <= 0 or not select.select([output], [], [], seconds)[0]:
            return b"".join(blocks), "it takes more than {limits.seconds} s"
        block = os.read(output, _BLOCK)
        if not block:
            return b"".join(blocks), None
        blocks.append(block)
        size += len(block)
        if size > _LONGEST_ANSWER:
            return b"".join(blocks), f"its catalogue has more than {_LONGEST_ANSWER >> 20} MiB"


def _reason(code: int, folder: Path, limits: Limits) -> str:
    """Why a process ended without an answer, from its exit code and the last line that it wrote."""
    lines = (folder / _ERRORS).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    last = lines[-1][:500] if lines else ""
    if last.startswith("MemoryError") or code == _NO_MEMORY_TO_LINK:
        return f"it needs more than {limits.memory_bytes >> 20} MiB of memory"
    if last.startswith("RecursionError"):
        return "it is nested more deeply than the parser follows"
    if code < 0:
        return _REASONS.get(signal.Signals(-code), f"signal {-code} stopped it").format(limits=limits)
    return f"the parser failed: {last or f'exit code {code}'}"


if __name__ == "__main__":
    main()
