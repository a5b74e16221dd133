"""From parsed reports to `ResourceReport`s: what the whole design needs, and which stage of the tools says so.

`file` is the report's file, for messages.
"""

from __future__ import annotations

from typing import Any

from fpga_flow.errors import InputError
from fpga_flow.resources.report import LayerResources, ResourceReport
from fpga_flow.resources.vendor.csynth_rpt import CsynthReport
from fpga_flow.resources.vendor.csynth_xml import CsynthXml
from fpga_flow.resources.vendor.export import Export
from fpga_flow.resources.vendor.hierarchy import Hierarchy
from fpga_flow.resources.vendor.utilization import Header, Utilization
from fpga_flow.resources.vendor.values import Amounts

#: Vivado's design states. Implementation runs write their utilization when the design is placed; routing takes no more.
_SOURCES = {
    "Synthesized": "post-synthesis",
    "Optimized": "post-synthesis",
    "Fully Placed": "post-route",
    "Physopt postPlace": "post-route",
    "Routed": "post-route",
    "Fully Routed": "post-route",
    "Physopt postRoute": "post-route",
}


def from_csynth(report: CsynthReport, board: str, file: str) -> ResourceReport:
    """What HLS expects of the top function.

    The instances, the FIFOs between them and the rest (`top`) add up to the whole design.

    Raises:
        InputError: the report leaves an amount of the whole design or of an instance out.
    """
    layers = [
        LayerResources(
            name=each.module,
            kind="instance",
            multipliers=None,
            **_whole(each.amounts, each.module, file),
            uram=each.amounts.uram,
            latency_cycles=each.cycles.latency_max if each.cycles else None,
            ii=each.cycles.ii_max if each.cycles else None,
        )
        for each in report.instances
    ]
    total = _whole(report.total, "the whole design", file)
    # in these rows - is what HLS prints for none: the rows with numbers add up to the total
    fifo = {name: getattr(report.parts["fifo"], name) or 0 for name in total}
    rest = {name: total[name] - fifo[name] - sum(getattr(layer, name) for layer in layers) for name in total}
    layers += [
        LayerResources(name, kind, None, **amounts, uram=None, latency_cycles=None, ii=None)
        for name, kind, amounts in (("FIFOs", "fifo", fifo), ("top", "top", rest))
        if any(amounts.values())
    ]
    return ResourceReport(
        source="csynth",
        tool=f"{report.tool} {report.version}",
        part=report.part,
        board=board,
        lut=total["lut"],
        ff=total["ff"],
        dsp=total["dsp"],
        bram18=total["bram18"],
        uram=report.total.uram,
        latency_cycles=report.cycles.latency_max,
        ii=report.cycles.ii_max,
        clock_ns=report.clock.target_ns,
        layers=tuple(layers),
    )


def from_csynth_xml(report: CsynthXml, board: str, file: str) -> ResourceReport:
    """What HLS expects of the top function, where only the XML is there.

    Raises:
        InputError: the report leaves an amount of the whole design out.
    """
    total = _whole(report.total, "the whole design", file)
    return ResourceReport(
        source="csynth",
        tool=f"HLS {report.version}",
        part=report.part,
        board=board,
        lut=total["lut"],
        ff=total["ff"],
        dsp=total["dsp"],
        bram18=total["bram18"],
        uram=report.total.uram,
        latency_cycles=report.cycles.latency_max,
        ii=report.cycles.ii_max,
        clock_ns=report.clock.target_ns,
    )


def from_utilization(report: Utilization, board: str, file: str) -> ResourceReport:
    """What Vivado says of a design, which knows nothing of cycles.

    Raises:
        InputError: the design is in a state that is neither after synthesis nor after implementation.
    """
    return ResourceReport(
        source=_source(report.header, file),
        tool=f"Vivado {report.header.version}",
        part=report.header.device,
        board=board,
        lut=report.lut,
        ff=report.ff,
        dsp=report.dsp,
        bram18=report.bram18,
        uram=report.uram,
        latency_cycles=None,
        ii=None,
        clock_ns=None,
    )


def from_hierarchy(report: Hierarchy, top: str, board: str, file: str) -> ResourceReport:
    """What Vivado says of the instances of the HLS top function in a design; of the whole design if there are none.

    Raises:
        InputError: the state of the design is unknown (see `from_utilization`), or there is no column of DSPs.
    """
    dsp = next((name for name in report.columns if name.startswith("DSP")), None)
    if dsp is None:
        raise InputError.at(file, "expected a column of DSPs in the table of instances, but there is none")
    rows = report.of_module(top) or (report.top,)
    return ResourceReport(
        source=_source(report.header, file),
        tool=f"Vivado {report.header.version}",
        part=report.header.device,
        board=board,
        lut=sum(row.used["Total LUTs"] for row in rows),
        ff=sum(row.used["FFs"] for row in rows),
        dsp=sum(row.used[dsp] for row in rows),
        bram18=sum(row.bram18 for row in rows),
        uram=sum(row.used["URAM"] for row in rows) if "URAM" in report.columns else None,
        latency_cycles=None,
        ii=None,
        clock_ns=None,
    )


def from_export(report: Export, board: str) -> ResourceReport:
    """What Vivado said when HLS exported the design."""
    return ResourceReport(
        source={"synthesis": "post-synthesis", "implementation": "post-route"}[report.stage],
        tool=report.tool,
        part=report.part,
        board=board,
        lut=report.lut,
        ff=report.ff,
        dsp=report.dsp,
        bram18=report.bram18,
        uram=report.uram,
        latency_cycles=None,
        ii=None,
        clock_ns=report.required_ns,
    )


def _whole(amounts: Amounts, what: str, file: str) -> dict[str, Any]:
    """The amounts that every report must give."""
    found: dict[str, int] = {}
    for name in ("lut", "ff", "dsp", "bram18"):
        value = getattr(amounts, name)
        if value is None:
            raise InputError.at(file, f"expected {name} of {what}, but the report leaves it out")
        found[name] = value
    return found


def _source(header: Header, file: str) -> str:
    if header.state not in _SOURCES:
        message = f'expected one of the design states {", ".join(_SOURCES)}, got "{header.state}"'
        raise InputError.at(file, message)
    return _SOURCES[header.state]
