"""Makes RTL in a process of its own, which can be given up.

python -m fpga_flow.rtl HLS_PROJECT FOLDER CLOCK_NS PART

It ends with `OURS` and the exit code of an error of ours, which is all that it prints then.
"""

import sys
from pathlib import Path

from fpga_flow.errors import FlowError
from fpga_flow.hls.project import HlsProject
from fpga_flow.printing import say
from fpga_flow.rtl.project import generate

#: Added to the exit codes of our errors: Python itself ends with 1 or 2 where something else goes wrong.
OURS = 100


def main() -> None:
    """Run the script."""
    hls, folder, clock_ns, part = sys.argv[1:]
    try:
        generate(HlsProject.load(Path(hls)), Path(folder), clock_ns=float(clock_ns), part=part)
    except FlowError as error:
        say(str(error), err=True)
        sys.exit(OURS + error.exit_code)
    except OSError as error:  # for example a full disk
        say(f"{error.filename or folder}: {error.strerror or error}", err=True)
        sys.exit(OURS + FlowError.exit_code)


if __name__ == "__main__":
    main()
