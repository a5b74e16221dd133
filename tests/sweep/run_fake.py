"""The command line on a plan without any training: `python -m tests.sweep.run_fake PLAN ARGUMENT...`, PLAN being JSON."""

from __future__ import annotations

import json
import sys

from fpga_flow import cli
from fpga_flow.sweep import engine
from tests.sweep import fake, fake_work


def main() -> None:
    """The sweep of the plan, with all that the command line does around it."""
    asked = json.loads(sys.argv[1])
    space = fake.space(**asked.pop("choices"))
    plan = fake.plan(asked.pop("name", "fake"), space, asked.pop("base", None), **asked)
    engine.run = lambda loaded, how, ui: engine.carry_out(plan, how, ui, fake_work.do)
    sys.argv = ["fpga-flow", "sweep", "digits_mlp", *sys.argv[2:]]
    cli.main()


if __name__ == "__main__":
    main()
