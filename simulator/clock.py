"""Simulated time: one queue of timers, and everything that waits on it.

Nothing in the pair reads the machine's clock. A test advances this one and a keepalive of twenty seconds takes
microseconds; the demonstration advances it in step with real time (`server.py`). The same seed and the same calls give
the same events in the same order: timers of one instant run in the order in which they were set.

Three things can wait:

* a *process*: a generator that yields seconds or a `Completion` and is resumed afterwards (a command, devd, fsck);
* a *task*: ordinary blocking code, such as a hook of the product, on a thread of its own. Exactly one thread runs at
  any time, so tasks are as deterministic as the rest;
* the caller outside, which advances the clock until what it waits for has happened.
"""

from __future__ import annotations

import heapq
import itertools
import math
from _thread import LockType, allocate_lock, start_new_thread
from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")

Steps = Generator["float | Completion[Any]", Any, T]
"""A process: yields seconds to wait, or something to wait for, and returns its result."""

FOREVER = math.inf
"""What a hung process yields: it is resumed by nothing and can only be killed."""

START = 1795336200.0
"""Sun 22 Nov 2026 08:30:00 UTC, shortly before the first recording (seconds since the epoch)."""


class Deadlock(RuntimeError):
    """Something is awaited that no timer can bring about any more."""


class Timer:
    """One entry of the queue; `cancel()` makes it do nothing."""

    __slots__ = ("action",)

    def __init__(self, action: Callable[[], None]) -> None:
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        self.action = None


class Completion(Generic[T]):
    """Something that will have happened once, with a value."""

    def __init__(self) -> None:
        self.done = False
        self.value: T | None = None
        self._then: list[Callable[[], None]] = []

    def finish(self, value: T | None = None) -> None:
        """It has happened; later calls change nothing."""
        if self.done:
            return
        self.done, self.value = True, value
        waiting, self._then = self._then, []
        for action in waiting:
            action()

    def then(self, action: Callable[[], None]) -> None:
        """Call `action` when it has happened, at once if it has already."""
        if self.done:
            action()
        else:
            self._then.append(action)


def finished(value: T) -> Completion[T]:
    """A completion that has already happened."""
    completion: Completion[T] = Completion()
    completion.finish(value)
    return completion


def first_of(*completions: Completion[Any]) -> Completion[None]:
    """Has happened when one of them has."""
    either: Completion[None] = Completion()
    for completion in completions:
        completion.then(either.finish)
    return either


class Coroutine(Completion[T]):
    """A running generator; finished with what it returned, or with None when it was killed."""

    def __init__(self, clock: Clock, steps: Steps[T]) -> None:
        super().__init__()
        self._clock = clock
        self._steps = steps
        self._timer: Timer | None = None
        self.killed = False

    def resume(self, value: Any = None) -> None:
        """Run until the next real wait."""
        while not self.done:
            try:
                wait = self._steps.send(value)
            except StopIteration as stop:
                self.finish(stop.value)
                return
            if isinstance(wait, Completion):
                if not wait.done:
                    wait.then(lambda awaited=wait: self.resume(awaited.value))  # type: ignore[misc]
                    return
                value = wait.value
            elif wait == FOREVER:
                return
            else:
                self._timer = self._clock.after(wait, self.resume)
                return

    def kill(self) -> None:
        """End it where it stands."""
        if self.done:
            return
        self.killed = True
        if self._timer is not None:
            self._timer.cancel()
        self._steps.close()
        self.finish(None)


def _shut() -> LockType:
    """A lock that one thread waits for and another one opens; a Semaphore does the same for five times the price."""
    door = allocate_lock()
    door.acquire()
    return door


class Task(Completion[T]):
    """Blocking code on a thread of its own that runs only while the clock lets it."""

    def __init__(self, clock: Clock, call: Callable[[], T]) -> None:
        super().__init__()
        self._clock = clock
        self._call = call
        self._go, self._back = _shut(), _shut()
        self._result: T | None = None
        self._begun = self._ended = False
        self.error: BaseException | None = None

    def _body(self) -> None:
        self._go.acquire()
        try:
            self._result = self._call()
        except BaseException as error:  # handed on to whoever looks at the task
            self.error = error
        self._ended = True
        self._back.release()

    def step(self) -> None:
        """Let the thread run until it waits again or ends; called by the clock only."""
        if not self._begun:
            self._begun = True
            start_new_thread(self._body, ())  # a Thread would first hand over to us that it has begun
        outer, self._clock.running = self._clock.running, self
        self._go.release()
        self._back.acquire()
        self._clock.running = outer
        if self._ended:
            self.finish(self._result)

    def _soon(self) -> None:
        self._clock.after(0, self.step)

    def await_(self, completion: Completion[Any]) -> None:
        """Called on the task's own thread: give way until `completion` has happened."""
        completion.then(self._soon)
        self._back.release()
        self._go.acquire()


class Clock:
    """The queue of timers and the present instant, in seconds since the epoch."""

    def __init__(self, start: float = START) -> None:
        self.now = start
        self.running: Task[Any] | None = None
        self._queue: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Call `action` in so many seconds."""
        timer = Timer(action)
        heapq.heappush(self._queue, (self.now + max(0.0, seconds), next(self._order), timer))
        return timer

    def start(self, steps: Steps[T]) -> Coroutine[T]:
        """Start a process now; it runs up to its first wait before this returns."""
        process = Coroutine(self, steps)
        process.resume()
        return process

    def run_task(self, call: Callable[[], T]) -> Task[T]:
        """Run blocking code as a task, from the next turn of the queue on."""
        task = Task(self, call)
        self.after(0, task.step)
        return task

    def next_due(self) -> float:
        """The instant of the next timer, FOREVER when there is none."""
        while self._queue and self._queue[0][2].action is None:
            heapq.heappop(self._queue)
        return self._queue[0][0] if self._queue else FOREVER

    def advance_to(self, instant: float) -> None:
        """Let everything happen that is due up to `instant`, and make that the present."""
        while self.next_due() <= instant:
            self._run_next()
        self.now = max(self.now, instant)

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass; inside a task, sleep for them."""
        if self.running is not None:
            self.wait(self.timeout(seconds))
        else:
            self.advance_to(self.now + seconds)

    def timeout(self, seconds: float) -> Completion[None]:
        """Something that happens in so many seconds."""
        completion: Completion[None] = Completion()
        self.after(seconds, completion.finish)
        return completion

    def wait(self, completion: Completion[T], limit: float = FOREVER) -> bool:
        """Wait for `completion`, at most `limit` seconds; say whether it has happened.

        Raises Deadlock when there is no limit and nothing is left that could happen.
        """
        if completion.done:
            return True
        if self.running is not None:
            either = first_of(completion)
            if limit != FOREVER:
                self.after(limit, either.finish)
            self.running.await_(either)
            return completion.done
        deadline = self.now + limit
        while not completion.done:
            due = self.next_due()
            if due > deadline:
                self.now = max(self.now, deadline)
                return False
            if due == FOREVER:
                raise Deadlock("nothing is left that could end this wait")
            self._run_next()
        return True

    def _run_next(self) -> None:
        instant, _, timer = heapq.heappop(self._queue)
        self.now = max(self.now, instant)
        action, timer.action = timer.action, None
        if action is not None:
            action()
