"""Points worked on by a Dask cluster: one that is there already, or one of jobs in the batch system of a laboratory."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import warnings
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import Any, Literal

from fpga_flow.errors import InputError, Place, Problem, ToolError, reason
from fpga_flow.sweep import work
from fpga_flow.sweep.executors import gave_up
from fpga_flow.sweep.work import Do, Measured, OtherEnvironment, Task

#: Batch systems for whose jobs dask-jobqueue has a cluster, by its class. Their settings (queue, memory, walltime) are
#: those of Dask's own configuration file, see its documentation.
SYSTEMS = {"slurm": "SLURMCluster", "htcondor": "HTCondorCluster"}
System = Literal["slurm", "htcondor"]
#: Seconds to wait for the scheduler, and for the first worker.
_REACHED, _FIRST = 20, 600


class Dask:
    """The workers of a cluster.

    Args:
        client: connected to its scheduler.
        files: fields of the spec that name relative files: workers must run in the same folder as this process.
        do: what is done with each task.
        cluster: which is ours, and ends with us; None if it is not.

    Raises:
        InputError: no worker came, or one is not like this process.
    """

    def __init__(self, client: Any, files: list[str], do: Do, cluster: Any = None) -> None:
        self._client, self._cluster, self._files, self._do = client, cluster, files, do
        self._option = "--dask" if cluster is None else "--cluster"
        self._futures: dict[Any, Task] = {}
        try:
            self._wait()
            self._check()
        except BaseException:  # Ctrl-C, too: jobs in a queue must not stay there
            self.close()
            raise

    def _wait(self) -> None:
        try:
            self._client.wait_for_workers(1, timeout=_FIRST)
        except TimeoutError as error:
            raise InputError.at(self._option, f"expected a worker within {_FIRST} seconds, got none") from error

    def _check(self) -> None:
        """All workers must have the same packages, and see the same files."""
        problems = []
        expected, folder = work.environment(), os.getcwd()
        for address, found in sorted(self._client.run(_environment_and_folder, on_error="return").items()):
            if isinstance(found, BaseException):
                problems.append(f"worker {address}: expected {expected}, got none: {found}")
                continue
            own, place = found
            if own != expected:
                problems.append(f"worker {address}: expected {expected}, got {own}")
            elif self._files and place != folder:
                problems.append(
                    f"worker {address}: expected it to run in {folder}, since {', '.join(self._files)} of the spec "
                    f"is relative, got {place}"
                )
        if problems:
            raise InputError(Problem(Place(self._option), "", each) for each in problems)

    @property
    def slots(self) -> int:
        """One for each worker that is there now."""
        return max(1, len(self._workers()))

    def _workers(self) -> dict[str, Any]:
        """What the scheduler knows of its workers, by their addresses."""
        try:
            found: dict[str, Any] = self._client.scheduler_info(n_workers=-1)["workers"]
        except (OSError, RuntimeError, KeyError) as error:  # its last message may have been empty
            raise self._gone() from error
        return found

    def submit(self, task: Task) -> None:
        """Give a task to the scheduler."""
        future = self._client.submit(self._do, task, pure=False, retries=0, key=f"fpga-flow-{os.urandom(8).hex()}")
        self._futures[future] = task

    def finished(self, seconds: float) -> Iterator[tuple[int, Measured]]:
        """See `Executor`."""
        from distributed import wait

        if self._futures:
            with contextlib.suppress(TimeoutError, CancelledError), self._client.as_current():
                wait(list(self._futures), timeout=seconds, return_when="FIRST_COMPLETED")
        ended = [future for future in self._futures if future.status != "pending"]
        for future in sorted(ended, key=_failed):  # what came out well is told before an error ends all
            task = self._futures.pop(future)
            yield task.number, self._result(future)

    def _result(self, future: Any) -> Measured:
        from distributed import KilledWorker
        from distributed.comm.core import CommClosedError

        try:
            measured: Measured = future.result()
        except KilledWorker as error:
            return gave_up(error.allowed_failures + 1)
        except OtherEnvironment as error:
            raise InputError.at(self._option, str(error)) from error
        except (CommClosedError, CancelledError) as error:
            raise self._gone() from error
        return measured

    def _gone(self) -> ToolError:
        return ToolError("the Dask scheduler is gone; what was finished is kept, and the same command goes on")

    def memory(self) -> int | None:
        """Bytes of all workers."""
        return sum(int(each["metrics"].get("memory", 0)) for each in self._workers().values() if "metrics" in each)

    def close(self) -> None:
        """Give up what is not finished; end the jobs, if they are ours."""
        with contextlib.suppress(Exception):  # the scheduler may be gone, which has been told
            self._client.cancel(list(self._futures), force=True)
        with contextlib.suppress(Exception):
            self._client.close(timeout=5)
        if self._cluster is not None:
            with contextlib.suppress(Exception):
                self._cluster.close()


def connect(address: str, files: list[str], do: Do) -> Dask:
    """The cluster whose scheduler is at an address.

    Raises:
        InputError: there is none.
        ToolError: Dask is not installed.
    """
    _greet(address)
    return Dask(_client("--dask", address), files, do)


def _greet(address: str) -> None:
    """See whether a scheduler is there. Dask's client itself waits for ever for whatever else listens at an address.

    Raises:
        InputError: there is none.
    """
    try:
        from distributed.comm.core import connect as reach
    except ImportError as error:
        raise _missing(error) from error

    async def greet() -> None:
        (await reach(address, timeout=_REACHED)).abort()

    try:
        with ThreadPoolExecutor(1) as beside:  # a notebook's own loop may be running in this thread
            beside.submit(asyncio.run, asyncio.wait_for(greet(), _REACHED + 2)).result()
    except (OSError, ValueError, EOFError, MemoryError) as error:
        why = str(error) or "what listens there is none"
        raise InputError.at("--dask", f"expected a Dask scheduler at {address}, got none: {why}") from error


def begin(system: System, jobs: int, files: list[str], do: Do) -> Dask:
    """A cluster of so many jobs in a batch system, which end with it.

    Raises:
        InputError: dask-jobqueue's settings don't suffice, or the batch system refuses the jobs.
        ToolError: Dask or the batch system is not installed.
    """
    try:
        import dask_jobqueue
    except ImportError as error:
        raise _missing(error) from error
    kind = getattr(dask_jobqueue, SYSTEMS[system])
    program = kind.job_cls.submit_command
    if shutil.which(program) is None:
        raise ToolError(f"expected the program {program} of {system} on the PATH, got none")
    _silence()
    try:
        cluster = kind()
    except (ValueError, TypeError, RuntimeError, OSError) as error:
        settings = f"expected settings for {system} in Dask's configuration (jobqueue.{system})"
        raise InputError.at("--cluster", f"{settings}, got: {reason(error)}") from error
    try:
        for _ in range(jobs):
            cluster.worker_spec.update(cluster.new_worker_spec())
        cluster.sync(cluster._correct_state)  # as cluster.scale, which only logs what the batch system says
        return Dask(_client("--cluster", cluster), files, do, cluster)
    except (ValueError, RuntimeError) as error:
        with contextlib.suppress(AssertionError):  # that refused jobs have not ended; those taken are cancelled before
            cluster.close()
        raise InputError.at("--cluster", f"{system} refuses the job: {reason(error)}") from error


def _silence() -> None:
    """What goes wrong in Dask is told by us."""
    for name in ("distributed", "distributed.client", "distributed.comm", "tornado.application", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _client(option: str, where: Any) -> Any:
    try:
        import distributed
    except ImportError as error:
        raise _missing(error) from error
    _silence()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # versions are compared by us
            return distributed.Client(where, timeout=_REACHED, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise InputError.at(option, f"expected a Dask scheduler at {where}, got none: {error}") from error


def _failed(future: Any) -> bool:
    return bool(future.status != "finished")


def _missing(error: ImportError) -> ToolError:
    return ToolError(f'expected the Python package {error.name}: pip install "fpga_flow[cluster]"')


def _environment_and_folder() -> tuple[str, str]:
    """On a worker: what it is like, and where it runs."""
    return work.environment(), os.getcwd()
