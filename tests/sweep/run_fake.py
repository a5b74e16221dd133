"""The command line on a plan without any training: `python -m tests.sweep.run_fake PLAN ARGUMENT...`.

PLAN is JSON: the `choices` of its space, keys of the section sweep, and `here`: whether the work is done in the process
itself. `killed_after`: seconds after which processes that do the same are killed, one after the other, before that.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time

from fpga_flow import cli
from fpga_flow.sweep import engine
from tests.sweep import fake, fake_work


def main() -> None:
    """The sweep of the plan, with all that the command line does around it."""
    asked = json.loads(sys.argv[1])
    space = fake.space(**asked.pop("choices"))
    killed_after = asked.pop("killed_after", [])
    if asked.pop("here", False):
        engine.executor = lambda plan, how, do: fake.Here(do)
    plan = fake.plan(asked.pop("name", "fake"), space, asked.pop("base", None), **asked)
    engine.run_sweep = lambda loaded, how, ui: engine.carry_out(plan, how, ui, fake_work.do)
    sys.argv = ["fpga-flow", "sweep", "digits_mlp", *sys.argv[2:]]
    for seconds in killed_after:
        child = os.fork()
        if not child:
            break
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    cli.main()


if __name__ == "__main__":
    main()
