"""Commands of fpga-flow in forked processes, which have all that is slow to import: `python -m tests.hard.warm`.

A line of JSON on standard input asks for a command: the `module` whose main() it is, `arguments`, the `log` that gets
its output, the folder `below`
whose changes are counted, and `kill_at`, the number of the change at which it is killed by SIGKILL (null: none). A line
of JSON tells the process, which leads a process group of its own; another one its exit status and the changes.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import signal
import sys
from pathlib import Path

from tests.hard.changes import watched


def load() -> None:
    """Import what the commands import; nothing of it may begin a thread, which a forked process would not have."""
    import hls4ml  # noqa: F401
    import optuna  # noqa: F401
    import plotly.graph_objects  # noqa: F401
    import sklearn.datasets  # noqa: F401

    import fpga_flow.hls.convert
    import fpga_flow.progress
    import fpga_flow.report
    import fpga_flow.spec.check
    import fpga_flow.sweep.engine
    import fpga_flow.sweep.show
    import fpga_flow.training  # noqa: F401
    from fpga_flow.keras import keras, qkeras, tf

    for module in (tf, keras, qkeras):
        module.__name__  # noqa: B018  (the first use imports it)


def command(asked: dict) -> None:
    """The command, in a process that ends with it."""
    from fpga_flow.keras import tf

    os.setsid()
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})  # to begin sooner
    log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, file in enumerate((nothing, log, log)):
        os.dup2(file, number)

    def at(number: int, path: str) -> None:
        if number == asked["kill_at"]:
            os.kill(os.getpid(), signal.SIGKILL)

    code = 1
    with watched(Path(asked["below"]), at) as count:
        try:
            sys.argv = [asked["module"], *asked["arguments"]]
            importlib.import_module(asked["module"]).main()
            code = 0
        except SystemExit as leave:
            code = leave.code if isinstance(leave.code, int) else 1
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            atexit._run_exitfuncs()  # as a process does that was not forked
            Path(asked["log"]).with_suffix(".count").write_text(str(count()))
            os._exit(code)


def main() -> None:
    """Do what the lines ask for, until there are no more."""
    load()
    threads = len(os.listdir("/proc/self/task"))
    print(json.dumps({"ready": True, "threads": threads}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if not child:
            command(asked)
        print(json.dumps({"process": child}), flush=True)
        _, status = os.waitpid(child, 0)
        count = Path(asked["log"]).with_suffix(".count")
        print(
            json.dumps({
                "status": os.waitstatus_to_exitcode(status),
                "changes": int(count.read_text()) if count.exists() else None,
            }),
            flush=True,
        )  # fmt: skip
        count.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
