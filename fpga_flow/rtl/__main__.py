"""Makes RTL in a process of its own, which can be given up.

python -m fpga_flow.rtl HLS_PROJECT FOLDER CLOCK_NS PART
"""

import sys
from pathlib import Path

from fpga_flow.errors import FlowError
from fpga_flow.hls.project import HlsProject
from fpga_flow.rtl.project import generate


def main() -> None:
    """Run the script."""
    hls, folder, clock_ns, part = sys.argv[1:]
    try:
        generate(HlsProject.load(Path(hls)), Path(folder), clock_ns=float(clock_ns), part=part)
    except FlowError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
