"""Where points are worked on: in local processes, or on the workers of a Dask cluster.

An executor takes tasks and gives back what came of them. A worker that dies loses nothing but its own work, which
another one begins again; a point on which worker after worker dies is given up.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Protocol

import psutil

from fpga_flow.sweep import work
from fpga_flow.sweep.work import Do, Measured, Task

#: So many workers may die on a point.
ATTEMPTS = 3
#: A local worker that has grown to this many times its size after its first point is replaced: TensorFlow keeps
#: something of every network.
GROWTH = 2.0


class Executor(Protocol):
    """What works on tasks."""

    @property
    def slots(self) -> int:
        """Tasks that can be worked on at a time now."""

    def submit(self, task: Task) -> None:
        """Begin a task."""

    def finished(self, seconds: float) -> Iterator[tuple[int, Measured]]:
        """Wait for at most so long for the next tasks to end: their numbers, and what came of them.

        Raises:
            what `do` raises, after all others that have ended; ToolError: nothing can be worked on any more.
        """

    def memory(self) -> int | None:
        """Bytes that all workers have now; None if that is not known."""

    def close(self) -> None:
        """End all workers, whatever they are at."""


class Local:
    """Processes of this machine, one for each task at a time. TensorFlow may use `threads` in each."""

    def __init__(self, jobs: int, threads: int, do: Do = work.do) -> None:
        self._do = do
        self._workers = [_Worker(threads) for _ in range(jobs)]

    @property
    def slots(self) -> int:
        """As many as there are processes."""
        return len(self._workers)

    def submit(self, task: Task) -> None:
        """Give a task to an idle process."""
        next(each for each in self._workers if each.task is None).begin(self._do, task)

    def finished(self, seconds: float) -> Iterator[tuple[int, Measured]]:
        """See `Executor`."""
        futures = [each.future for each in self._workers if each.future is not None]
        if futures:
            concurrent.futures.wait(futures, seconds, concurrent.futures.FIRST_COMPLETED)
        done = [each for each in self._workers if each.future is not None and each.future.done()]
        for each in sorted(done, key=_Worker.failed):  # what came out well is told before an error ends all
            ended = each.end(self._do)
            if ended is not None:
                yield ended

    def memory(self) -> int | None:
        """Bytes of all processes."""
        return sum(each.memory() for each in self._workers)

    def close(self) -> None:
        """Kill the processes."""
        for each in self._workers:
            each.kill()


class _Worker:
    """A process pool of one process: if that dies, no other work is lost with it."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.task: Task | None = None
        self.future: concurrent.futures.Future[Measured] | None = None
        self.attempts = 0
        self.first_peak = 0
        self.pool = self._pool()

    def _pool(self) -> concurrent.futures.ProcessPoolExecutor:
        # spawned: a forked process would have TensorFlow's locks without its threads
        context = multiprocessing.get_context("spawn")
        return concurrent.futures.ProcessPoolExecutor(1, context, initializer=_begin, initargs=(self.threads,))

    def begin(self, do: Do, task: Task) -> None:
        """Begin a task."""
        self.task, self.attempts = task, 1
        try:
            self._submit(do, task)
        except BrokenProcessPool:  # the process died while it had nothing to do
            self._replace()
            self._submit(do, task)

    def _submit(self, do: Do, task: Task) -> None:
        with _without_ctrl_c():
            self.future = self.pool.submit(do, task)

    def _replace(self) -> None:
        self.pool.shutdown(wait=False)
        self.pool = self._pool()

    def failed(self) -> bool:
        """Whether the task has ended with an error."""
        return self.future is not None and self.future.exception() is not None

    def end(self, do: Do) -> tuple[int, Measured] | None:
        """What came of the task; None if its process died and another one has begun it again."""
        assert self.task is not None  # noqa: S101  (it has a future)
        assert self.future is not None  # noqa: S101
        try:
            measured = self.future.result()
        except BrokenProcessPool:
            self._replace()
            if self.attempts < ATTEMPTS:
                self.attempts += 1
                self._submit(do, self.task)
                return None
            measured = gave_up(self.attempts)
        number = self.task.number
        self.task = self.future = None
        self.first_peak = self.first_peak or measured.peak_bytes
        if measured.peak_bytes > GROWTH * self.first_peak > 0:
            self._replace()
            self.first_peak = 0
        return number, measured

    def memory(self) -> int:
        """Bytes of the process and its children."""
        total = 0
        for pid in list(self.pool._processes or ()):
            try:
                process = psutil.Process(pid)
                total += sum(each.memory_info().rss for each in (process, *process.children(recursive=True)))
            except psutil.NoSuchProcess:
                continue
        return total

    def kill(self) -> None:
        """Kill the process and what it has started."""
        for pid in list(self.pool._processes or ()):
            try:
                process = psutil.Process(pid)
                for each in (*process.children(recursive=True), process):
                    each.kill()
            except psutil.NoSuchProcess:
                continue
        self.pool.shutdown(wait=False, cancel_futures=True)


def gave_up(attempts: int) -> Measured:
    """What is told of a point on which too many workers died."""
    return Measured("failed", error=f"{attempts} workers died of it, which may be for want of memory")


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """A process that is started in here is not hit by Ctrl-C before it can ignore it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(threads: int) -> None:
    """In a new process: before TensorFlow is imported, it is told of its threads. Ctrl-C is the parent's affair, and
    without the parent there is no one to work for.
    """
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
        os.environ[name] = str(threads)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    from multiprocessing.connection import wait

    wait([sentinel])
    for each in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    os._exit(1)
