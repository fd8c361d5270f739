"""The answering side of several questions in one call (`checks.probes.ahead`): each is admitted by itself, all run at
the same time, and the answers are one JSON object.

`hastwatch-ask` and `hastwatch answer` share it. It is imported only where it is asked for: a single question must stay
cheap.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable

from checks import ask
from checks.ask import LineRefused
from checks.probes.ahead import BATCH, HANGS, MOST, SEPARATOR, VERSION
from checks.probes.errors import Hangs, NotPermitted, ProbeError, ToolMissing
from checks.probes.process import run

LONGEST = 60.0
"""Seconds that a caller may give each question."""
OUTPUT = 1 << 19
"""Bytes of one answer."""
ALL_OUTPUT = 3 << 20
"""Bytes of all answers, below what the caller reads (`checks.probes.process.OUTPUT_LIMIT`). What is larger is left out,
and asked by itself."""

Given = list[object] | str | None
Admit = Callable[[str], list[str]]
"""The program and the arguments of a line that may be run. Raises LineRefused."""


def answer(words: list[str], admit: Admit) -> int:
    """Answer the questions in the words from BATCH on; the exit status. Raises LineRefused where they are none."""
    seconds, questions = _parsed(words)
    os.chdir("/")
    for number in ask.STOPS:
        signal.signal(number, signal.SIG_IGN)
    signal.alarm(ask.PATIENCE)
    ends = time.monotonic() + seconds
    answers: list[Given] = [None] * len(questions)

    def take(place: int, question: list[str]) -> None:
        answers[place] = _one(question, admit, ends)

    threads = [threading.Thread(target=take, args=each) for each in enumerate(questions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ask.shown(json.dumps({"version": VERSION, "answers": _bounded(answers)}))


def _parsed(words: list[str]) -> tuple[float, list[list[str]]]:
    """The seconds of each question, and the questions. Raises LineRefused."""
    try:
        seconds = float(words[1])
    except (IndexError, ValueError):
        seconds = 0.0
    if not 0 < seconds <= LONGEST:
        raise LineRefused(f"{BATCH} needs seconds, {LONGEST:g} at most")
    questions: list[list[str]] = []
    for word in words[2:]:
        if word == SEPARATOR:
            questions.append([])
        elif questions:
            questions[-1].append(word)
        else:
            raise LineRefused(f"each question of {BATCH} follows a {SEPARATOR}")
    if not 0 < len(questions) <= MOST or not all(questions):
        raise LineRefused(f"{BATCH} needs questions, {MOST} at most")
    return seconds, questions


def _one(question: list[str], admit: Admit, ends: float) -> Given:
    """The answer to one question; a refusal is one too, as a shell would give it."""
    line = " ".join([*ask.ENV_C, *question])
    try:
        argv = admit(line)
        ask.refuse_what_is_no_file(argv)
        completed = run(tuple(argv), ends, limit=OUTPUT)
    except LineRefused as error:
        return [ask.refuse(str(error), line), "", f"refused: {error}"]
    except (ToolMissing, NotPermitted) as error:
        status = ask.NOT_FOUND if isinstance(error, ToolMissing) else ask.REFUSED
        return [status, "", str(error)]
    except Hangs:
        return HANGS
    except ProbeError:
        return None
    return [completed.status, completed.stdout, completed.stderr]


def _bounded(answers: list[Given]) -> list[Given]:
    """The answers that fit, the first ones first."""
    left = ALL_OUTPUT
    fitting: list[Given] = []
    for each in answers:
        size = len(json.dumps(each))
        fitting.append(each if size <= left else None)
        left -= size if size <= left else 0
    return fitting
