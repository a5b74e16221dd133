"""The parsers on hand-made reports: what is read, what is refused, and reports that are cut off anywhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from fpga_flow.errors import InputError
from fpga_flow.resources.vendor import (
    convert,
    cosim_rpt,
    cosim_verilog,
    csynth_rpt,
    csynth_summary,
    csynth_xml,
    export,
    hierarchy,
    hls4ml_json,
    log,
    timing,
    utilization,
)
from fpga_flow.resources.vendor.cosim_rpt import Cosimulation
from fpga_flow.resources.vendor.cosim_verilog import Latencies, Transaction
from fpga_flow.resources.vendor.csynth_rpt import Instance
from fpga_flow.resources.vendor.csynth_summary import SummaryRow
from fpga_flow.resources.vendor.hls4ml_json import Hls4mlReport
from fpga_flow.resources.vendor.timing import Slack, TimedClock
from fpga_flow.resources.vendor.values import Amounts, Clock, Cycles

from .conftest import report

LATENCIES = Latencies(15, 12, 13, 4, 3, 3)
NOTHING = Amounts(None, None, None, None, None)
PARSERS: dict[str, Callable[[str, str], Any]] = {
    "net_csynth.rpt": csynth_rpt.parse,
    "csynth.xml": csynth_xml.parse,
    "csynth.rpt": csynth_summary.parse,
    "net_cosim.rpt": cosim_rpt.parse,
    "lat.rpt": cosim_verilog.parse_latencies,
    "result.transaction.rpt": partial(cosim_verilog.parse_transactions, count=3),
    "vivado_synth.rpt": utilization.parse,
    "util.rpt": hierarchy.parse,
    "net_timing_summary_routed.rpt": timing.parse,
    "net_export.rpt": export.parse,
    "report.json": hls4ml_json.parse,
}


def parse(name: str) -> Any:
    return PARSERS[name](report(name), name)


def refused(name: str, old: str, new: str) -> str:
    """The message about a report with something changed."""
    text = report(name)
    assert old in text
    with pytest.raises(InputError) as error:
        PARSERS[name](text.replace(old, new, 1), name)
    return str(error.value)


# ------------------------------------------------------------------------------------------------------ what is read


def test_csynth() -> None:
    value = parse("net_csynth.rpt")
    assert (value.tool, value.version, value.module, value.part) == ("Vitis HLS", "2024.2", "net", "xc7z020-clg400-1")
    assert value.date == "Mon Jan  5 10:00:00 2026"
    assert value.clock == Clock(10.0, 7.125, 2.7)
    assert (value.cycles, value.pipeline) == (Cycles(12, 15, 3, 4), "dataflow")
    assert value.total == Amounts(5, 17, 346, 816, 0)
    assert value.available == Amounts(280, 220, 106400, 53200, 0)
    assert value.parts == {
        "dsp": NOTHING,
        "expression": Amounts(None, None, 0, 20, None),
        "fifo": Amounts(2, None, 40, 60, None),
        "instance": Amounts(3, 17, 300, 700, None),
        "memory": NOTHING,
        "multiplexer": Amounts(None, None, None, 36, None),
        "register": Amounts(None, None, 6, None, None),
    }
    assert value.instances == (
        Instance("dense_1_U0", "dense_1", Amounts(3, 17, 250, 600, 0), Cycles(5, 6, 2, 3)),
        Instance("relu_U0", "relu", Amounts(0, 0, 50, 100, 0), Cycles(None, None, None, None)),
    )


def test_what_hls4ml_prints_of_a_csynth_report() -> None:
    whole = report("net_csynth.rpt")
    shown = "SYNTHESIS REPORT:\n" + whole[: whole.index("    * DSP:")].lstrip()
    assert csynth_rpt.parse(shown + "CO-SIMULATION RESULT:\n", "log") == parse("net_csynth.rpt")
    assert csynth_rpt.parse(shown + "Co-simulation report not found.\n", "log") == parse("net_csynth.rpt")
    with pytest.raises(
        InputError, match=r"log:[0-9]+: expected the result of co-simulation, which hls4ml prints behind"
    ):
        csynth_rpt.parse(shown, "log")


def test_csynth_xml() -> None:
    value = parse("csynth.xml")
    assert (value.version, value.part, value.top) == ("2024.2", "xc7z020-clg400-1", "net")
    assert (value.clock, value.cycles) == (Clock(10.0, 7.125, 2.7), Cycles(12, None, 3, None))
    assert value.total == Amounts(5, 17, 346, 816, None)
    assert value.available == Amounts(280, 220, 106400, 53200, None)
    assert value.modules == {"dense_1": csynth_xml.Module(Amounts(3, 17, 250, 600, 0), 6)}


def test_csynth_summary() -> None:
    value = parse("csynth.rpt")
    assert (value.version, value.part) == ("2024.2", "xc7z020-clg400-1")
    assert value.rows == (
        SummaryRow("module", "net", 0, 0.17, 15, 4, None, "dataflow", Amounts(5, 17, 346, 816, None)),
        SummaryRow("module", "dense_1", 1, -0.2, 6, 3, None, "yes", Amounts(3, 17, 250, 600, None)),
        SummaryRow("loop", "Loop", 2, None, None, 1, 8, "yes", NOTHING),
    )


def test_cosim() -> None:
    assert parse("net_cosim.rpt") == {
        "VHDL": Cosimulation("NA", None, None, None, None, None, None, None),
        "Verilog": Cosimulation("Pass", 12, 13, 15, 3, 3, 4, 140),
    }


def test_latencies_and_transactions() -> None:
    assert parse("lat.rpt") == LATENCIES
    assert parse("result.transaction.rpt") == (
        Transaction(0, 12, 3), Transaction(1, 15, 4), Transaction(2, 13, None),
    )  # fmt: skip


def test_utilization() -> None:
    value = parse("vivado_synth.rpt")
    header = utilization.Header("2024.2", "net", "xc7z020clg400-1", "Synthesized", "Mon Jan  5 11:00:00 2026")
    assert value == utilization.Utilization(
        header=header, lut=410, lut_logic=400, lut_memory=10, ff=290, block_ram_tiles=2.5, ramb36=1, ramb18=3,
        bram18=5, uram=None, dsp=16, carry=31,
    )  # fmt: skip


def test_hierarchy() -> None:
    value = parse("util.rpt")
    assert value.header.state == "Routed"
    assert value.columns[:3] == ("Instance", "Module", "Total LUTs")
    assert [(row.instance, row.depth) for row in value.rows] == [("system", 0), ("net_0", 1), ("(U0)", 2), ("U0", 2)]
    assert (value.top.used["Total LUTs"], value.top.used["FFs"], value.top.bram18) == (900, 700, 13)
    assert [row.instance for row in value.of_module("net")] == ["U0"]
    assert value.of_module("other") == ()


def test_timing() -> None:
    value = parse("net_timing_summary_routed.rpt")
    assert (value.version, value.design, value.met) == ("2024.2", "net", False)
    assert value.setup == Slack(-0.12, -0.34, 3, 950)
    assert value.hold == Slack(None, None, None, None)
    assert value.pulse_width == Slack(4.5, 0.0, 0, 300)
    assert value.clocks == (TimedClock("ap_clk", 10.0, 100.0),)


def test_export() -> None:
    assert parse("net_export.rpt") == export.Export(
        stage="implementation", tool="Xilinx Vivado v.2024.2", part="xc7z020-clg400-1", lut=395, ff=288, dsp=16,
        bram18=5, srl=None, uram=None, slices=None, required_ns=10.0, synthesis_ns=6.5, implementation_ns=7.25,
        met=True,
    )  # fmt: skip


def test_hls4ml_json() -> None:
    assert parse("report.json") == Hls4mlReport(
        10.0, 7.125, Cycles(12, None, 3, None), Amounts(5, 17, 346, 816, 0), Amounts(280, 220, 106400, 53200, 0)
    )


def test_log() -> None:
    assert log.parse(
        "INFO: fine\nERROR: [HLS 1] bad\n  ERROR: worse \nERROR: [HLS 1] bad\nNo ERROR: here\n"
    ) == log.Log(("ERROR: [HLS 1] bad", "ERROR: worse"))
    assert not log.parse("WARNING: [HLS 2] no ERROR: at the start\n").failed


# --------------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize("name", PARSERS)
def test_a_report_that_is_cut_off_is_refused_or_read_alike(name: str) -> None:
    text, whole = report(name), parse(name)
    refusals: list[str] = []
    for cut in range(len(text)):
        try:
            value = PARSERS[name](text[:cut], name)
        except InputError as error:
            refusals.append(str(error))
        else:
            assert value == whole, f"cut off at {cut}"
    assert len(refusals) > 0.7 * len(text)
    assert all(message.startswith(name) and "expected" in message for message in refusals)


@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.parametrize("text", ["", "\n\n", "Segmentation fault\n"])
def test_what_is_no_report_is_refused(name: str, text: str) -> None:
    with pytest.raises(InputError, match="expected"):
        PARSERS[name](text, name)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("net_csynth.rpt", "|     816|    0|", "|     8l6|    0|",
         'net_csynth.rpt:65: expected a whole number as LUT, got "8l6"'),
        ("net_csynth.rpt", "  7.125 ns", "      - ns",
         'net_csynth.rpt:23: expected a number as clock period in ns, got "-"'),
        ("net_csynth.rpt", "|       12|", "|      1 2|",
         'net_csynth.rpt:32: expected a whole number as number of cycles, got "1 2"'),
        ("net_csynth.rpt", "|FIFO  ", "|FIFOs ",
         'net_csynth.rpt:72: expected a row "Fifo" in the table of resources, but there is none'),
        ("net_csynth.rpt", "| BRAM_18K|  DSP |", "| BRAM    |  DSP |",
         'net_csynth.rpt:72: expected a column BRAM_18K in the table of resources, but there is none'),
        ("net_csynth.rpt", "== Utilization Estimates", "== Utilisation Estimates",
         'net_csynth.rpt:98: expected the utilization estimates, but the report ends here: '
         '"+-----------+-----+-----+------------+--------------+-------..."'),
        ("csynth.xml", "<FF>346</FF>", "<FF></FF>", "csynth.xml: expected a text in <FF>, but it is empty"),
        ("csynth.xml", "<FF>346</FF>", "", "csynth.xml: expected <FF> in <Resources>, but there is none"),
        ("csynth.xml", "<FF>346</FF>", "<FF>-3</FF>", 'csynth.xml: expected a whole number or undef in <FF>, got "-3"'),
        ("csynth.xml", ">7.125<", ">7,125<", 'csynth.xml: expected a number in <SummaryOfTimingAnalysis/'
         'EstimatedClockPeriod>, got "7,125"'),
        ("csynth.rpt", "|+ net ", "|net   ", 'csynth.rpt:19: expected a module or loop marked +, o or *, got "net"'),
        ("csynth.rpt", "| Slack|", "| Slock|",
         "csynth.rpt:22: expected a column Slack in the table of modules, but there is none"),
        ("net_cosim.rpt", "      Pass", "   Running",
         'net_cosim.rpt:11: expected Pass, Fail or NA as status, got "Running"'),
        ("net_cosim.rpt", "|              4|                   140|", "|",
         "net_cosim.rpt:11: expected 6 or 7 numbers of cycles, got 5"),
        ("lat.rpt", '"15"', '"x"', 'lat.rpt:1: expected a whole number as $MAX_LATENCY, got "x"'),
        ("result.transaction.rpt", "transaction       1", "transaction       2",
         'result.transaction.rpt:3: expected transaction 1 with its latency and interval, got '
         '"transaction       2:              15               4"'),
        ("result.transaction.rpt", "transaction       2:              13               x\n", "",
         'result.transaction.rpt:3: expected 3 transactions, each in a whole line, but the report ends here: '
         '"transaction       1:              15               4"'),
        ("vivado_synth.rpt", "|  2.5 |", "|  2.4 |",
         "vivado_synth.rpt:51: expected whole or half Block RAM Tiles, got 2.4"),
        ("vivado_synth.rpt", "|   16 |", "|      |",
         'vivado_synth.rpt:64: expected a number as Used of "DSPs", got ""'),
        ("vivado_synth.rpt", "|   16 |", "| 16.5 |",
         'vivado_synth.rpt:64: expected a whole number as Used of "DSPs", got 16.5'),
        ("vivado_synth.rpt", "| DSPs      |", "| DSP       |",
         'vivado_synth.rpt: expected a row "DSPs" with what is used, but there is none'),
        ("util.rpt", "400(0.75%) ", "400 of 10  ",
         'util.rpt:21: expected a whole number as Total LUTs, got "400 of 10"'),
        ("util.rpt", "|    FFs    |", "|    FF     |",
         "util.rpt:24: expected a column FFs in the table of instances, but there is none"),
        ("net_timing_summary_routed.rpt", "     -0.120       -0.340  ", "     -0.120    ",
         'net_timing_summary_routed.rpt:13: expected 12 figures in the design timing summary, got '
         '"-0.120                        3                  950        ..."'),
        ("net_timing_summary_routed.rpt", "Timing constraints are not met.", "",
         'net_timing_summary_routed.rpt:43: expected the verdict on the timing constraints, but the report ends here: '
         '"slack                                 -0.120"'),
        ("net_export.rpt", "LUT:            395", "LUT:            n/a",
         'net_export.rpt:10: expected a whole number as LUT, got "n/a"'),
        ("report.json", '"816"', "816", "report.json: CSynthesisReport.LUT: expected a text with a number, got 816"),
        ("report.json", '"816"', '"8-16"', 'report.json:2: expected a whole number as LUT, got "8-16"'),
        ("report.json", "CSynthesisReport", "CSynthesis",
         "report.json: CSynthesisReport: expected a JSON object, got none"),
    ],
)  # fmt: skip
def test_damaged_reports(name: str, old: str, new: str, message: str | None) -> None:
    if message is None:  # a form that other versions write, or a difference that rounding explains
        assert PARSERS[name](report(name).replace(old, new, 1), name)
    else:
        assert refused(name, old, new) == message


def test_a_csynth_report_with_an_unknown_total_is_no_resource_report() -> None:
    value = csynth_rpt.parse(report("net_csynth.rpt").replace("|     816|    0|", "|       -|    0|"), "net_csynth.rpt")
    with pytest.raises(InputError, match=r"^net_csynth.rpt: expected lut of the whole design, but the report leaves"):
        convert.from_csynth(value, "pynq-z2", "net_csynth.rpt")


# ------------------------------------------------------------------------------------------------ resource reports


def test_csynth_as_resource_report() -> None:
    made = convert.from_csynth(parse("net_csynth.rpt"), "pynq-z2", "net_csynth.rpt")
    assert (made.source, made.tool, made.part, made.board) == (
        "csynth", "Vitis HLS 2024.2", "xc7z020-clg400-1", "pynq-z2",
    )  # fmt: skip
    assert (made.lut, made.ff, made.dsp, made.bram18, made.uram) == (816, 346, 17, 5, 0)
    assert (made.latency_cycles, made.ii, made.clock_ns, made.fits) == (15, 4, 10.0, None)
    assert [(each.name, each.kind, each.lut, each.ff, each.dsp, each.bram18) for each in made.layers] == [
        ("dense_1", "instance", 600, 250, 17, 3),
        ("relu", "instance", 100, 50, 0, 0),
        ("FIFOs", "fifo", 60, 40, 0, 2),
        ("top", "top", 56, 6, 0, 0),
    ]
    assert [(each.latency_cycles, each.ii, each.multipliers) for each in made.layers[:2]] == [
        (6, 3, None), (None, None, None),
    ]  # fmt: skip


def test_xml_as_resource_report() -> None:
    made = convert.from_csynth_xml(parse("csynth.xml"), "", "csynth.xml")
    assert (made.source, made.lut, made.uram, made.latency_cycles, made.ii) == ("csynth", 816, None, None, None)


def test_vivado_as_resource_reports() -> None:
    synthesis = convert.from_utilization(parse("vivado_synth.rpt"), "", "vivado_synth.rpt")
    assert (synthesis.source, synthesis.lut, synthesis.bram18, synthesis.uram) == ("post-synthesis", 410, 5, None)
    assert (synthesis.latency_cycles, synthesis.ii, synthesis.clock_ns) == (None, None, None)
    routed = convert.from_hierarchy(parse("util.rpt"), "net", "", "util.rpt")
    assert (routed.source, routed.lut, routed.ff, routed.dsp, routed.bram18) == ("post-route", 380, 270, 16, 4)
    whole = convert.from_hierarchy(parse("util.rpt"), "other", "", "util.rpt")
    assert (whole.lut, whole.bram18) == (900, 13)
    exported = convert.from_export(parse("net_export.rpt"), "")
    assert (exported.source, exported.lut, exported.bram18, exported.uram) == ("post-route", 395, 5, None)
    assert exported.clock_ns == 10.0


@pytest.mark.parametrize(
    ("state", "source"), [("Fully Placed", "post-route"), ("Routed", "post-route"), ("Optimized", "post-synthesis")]
)
def test_design_states(state: str, source: str) -> None:
    text = report("vivado_synth.rpt").replace("Synthesized", state)
    assert convert.from_utilization(utilization.parse(text, "a.rpt"), "", "a.rpt").source == source


def test_an_unknown_design_state_is_refused() -> None:
    text = report("vivado_synth.rpt").replace("Synthesized", "Unplaced")
    with pytest.raises(InputError, match=r'^a.rpt: expected one of the design states .*, got "Unplaced"$'):
        convert.from_utilization(utilization.parse(text, "a.rpt"), "", "a.rpt")
