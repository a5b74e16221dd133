"""`<top>_export.rpt`, `export_syn.rpt`, `export_impl.rpt`: what Vivado said when HLS exported an IP."""

from __future__ import annotations

from dataclasses import dataclass

from fpga_flow.resources.vendor.lines import Lines


@dataclass(frozen=True)
class Export:
    """What the report says. `bram18` is in blocks of 18 Kb, critical paths are in nanoseconds.

    `stage` is `synthesis` or `implementation`; `slices` and `srl` are None where the version does not list them.
    """

    stage: str
    tool: str
    part: str
    lut: int
    ff: int
    dsp: int
    bram18: int
    srl: int | None
    uram: int | None
    slices: int | None
    required_ns: float
    synthesis_ns: float
    implementation_ns: float | None
    met: bool


def parse(text: str, file: str) -> Export:
    """Read a report; `file` is for messages.

    Raises:
        InputError: something is missing, no number, or the verdict on the timing at the end is missing.
    """
    lines = Lines.of(text, file)
    start, title = lines.find(r"#=== Post-(Synthesis|Implementation) Resource usage ===", "the resource usage")
    end, _ = lines.find(r"#=== Final timing ===", "the final timing", start)
    _, met = lines.find(r"Timing (not )?met\s*$", "the verdict on the timing", end)

    def amount(name: str) -> int:
        number, match = lines.find(rf"{name}:\s+(\S+)\s*$", f"the amount of {name}", start, end)
        return lines.whole(match[1], name, number)

    def path(name: str) -> float:
        number, match = lines.find(rf"CP {name}:\s+(\S+)\s*$", f"the critical path {name}", end)
        return lines.decimal(match[1], f"the critical path {name}", number)

    def listed(name: str) -> int | None:
        return amount(name) if lines.has(rf"{name}:") else None

    implemented = lines.has("CP achieved post-implementation:")
    return Export(
        stage=title[1].lower(),
        tool=lines.value("Implementation tool"),
        part=lines.value("Device target"),
        lut=amount("LUT"),
        ff=amount("FF"),
        dsp=amount("DSP"),
        bram18=amount("BRAM"),
        srl=listed("SRL"),
        uram=listed("URAM"),
        slices=listed("SLICE"),
        required_ns=path("required"),
        synthesis_ns=path("achieved post-synthesis"),
        implementation_ns=path("achieved post-implementation") if implemented else None,
        met=met[1] is None,
    )
