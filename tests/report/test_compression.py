"""The section Compression: that its figures and tables have the right numbers, and what it makes of odd runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fpga_flow.compress.prune.allocation import SENSITIVITY_AT
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.report import compression, histogram, weights
from tests.report.conftest import build
from tests.report.test_report import HOSTILE, Page

PASSES = ("prune", "quantize", "cluster")
CURVE = [
    {"sparsity": 0.25, "accuracy": 0.96, "kept": True},
    {"sparsity": 0.4375, "accuracy": 0.95, "kept": True},
    {"sparsity": 0.578125, "accuracy": 0.8, "kept": False},
]


def encoded(names: list[str], lengths: list[int], index_lengths: list[int]) -> dict[str, Any]:
    """What run.json tells of the weights of the file."""
    row = {
        "weight": "kernel", "shape": [4, 4], "count": 16, "nonzero": 6, "coding": "alphabet, Huffman", "index_bits": 3,
        "bytes_header": 4, "bytes_indices": 3, "bytes_values": 2, "bytes_tables": 1, "entropy_bits": 33.2,
        "index_lengths": index_lengths, "value_lengths": lengths, "bytes": 10,
    }  # fmt: skip
    return {"parts": {"header": 10}, "layers": [{"name": name, **row} for name in names]}


def fill(run: Any) -> Any:
    """Give a run what its passes and its file have to tell."""
    passes = {each["name"]: each for each in run.record["passes"]}
    layers = [layer["name"] for layer in run.record["layers"]]
    if "prune" in passes:
        passes["prune"].update(sparsity=dict.fromkeys(layers, 0.4375), curve=CURVE)
        passes["prune"]["options"]["method"] = "iterative"
    if "cluster" in passes:
        rows = [{"layer": layers[0], "weight": "kernel", "weights": 36, "shared": 5, "distinct": 4}]
        passes["cluster"]["layers"] = rows
        run.stage("cluster").result["details"]["layers"] = rows
    start = run.record["size"]["bytes_original"]
    for place, each in enumerate(run.record["passes"], 2):
        each["bytes"] = {"fixed_length": start // 2**place, "encoded": start // 2**place - 7}
    size = {"bytes_encoded": start // 20, "encoded": encoded(layers, [0, 6, 0, 4], [0, 0, 5, 1])}
    run.record["size"].update(size)
    run.record = json.loads(json.dumps(run.record))
    return run


@pytest.fixture
def run(make_run: Callable[..., Any]) -> Any:
    return fill(make_run(passes=PASSES))


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Page]:
    """A run that no test changes, and its page."""
    made = fill(build(tmp_path_factory.mktemp("shown") / "run", passes=PASSES))
    return made, Page(made.write())


def figure(page: Page, name: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    return page.figures[name]["data"], page.figures[name]["layout"]


def test_has_a_figure_of_each_kind(shown: tuple[Any, Page]) -> None:
    _, page = shown
    names = ["figure-bytes", "figure-curve-1", "figure-zeros", "figure-lengths", "figure-lengths-by-weight"]
    assert [name for name in page.figures if name in names] == names
    assert "#compression" in [each["href"] for each in page.having("a")]
    plots = [attributes for attributes in page.having("div") if attributes.get("class") == "plot"]
    assert all(len(each["aria-label"]) > 20 for each in plots)


def test_waterfall_goes_from_float32_over_each_pass_to_the_file(shown: tuple[Any, Page]) -> None:
    run, page = shown
    start = run.record["size"]["bytes_original"]
    (bars, totals, texts), layout = figure(page, "figure-bytes")
    after = [start // 4, start // 8, start // 16, start // 20]
    assert bars["base"] == after
    assert [base + length for base, length in zip(bars["base"], bars["x"], strict=True)] == [start, *after[:-1]]
    assert totals["x"] == [start, start // 20]
    names = ["float32", "prune", "quantize", "cluster", "Huffman coding", "model.fpz"]
    assert layout["yaxis"]["ticktext"] == names
    assert (bars["y"], totals["y"]) == ([1, 2, 3, 4], [0, 5])
    assert texts["text"][1].strip() == f"{start // 4}\u202fB, {start / (start // 4):.3g}\N{MULTIPLICATION SIGN}"
    assert [shape["x0"] for shape in layout["shapes"]] == [start, *after]
    low, high = (10**end for end in layout["xaxis"]["range"])
    assert low < start // 20 < start < high
    assert len(layout["xaxis"]["tickvals"]) >= 2
    assert (
        f"quantize {start // 8:,} 2\N{MULTIPLICATION SIGN} 8.01\N{MULTIPLICATION SIGN} {start // 8 - 7:,}" in page.text
    )


def test_waterfall_starts_from_the_network_that_was_trained(run) -> None:
    """Passes that remove filters make the network smaller than it was, and other sizes are those of the last one."""
    run.record["size"]["bytes_original"] = 6080
    (_, totals, _), _ = figure(Page(run.write()), "figure-bytes")
    assert totals["x"][0] == 6080


def test_waterfall_shows_steps_that_make_it_larger(run) -> None:
    run.record["passes"][1]["bytes"]["fixed_length"] = 1000
    (bars, _, _), _ = figure(Page(run.write()), "figure-bytes")
    before = run.record["passes"][0]["bytes"]["fixed_length"]
    assert (bars["base"][1], bars["x"][1]) == (before, 1000 - before)
    assert len(set(bars["marker"]["color"])) == 2
    assert bars["marker"]["color"][1] != bars["marker"]["color"][0]


def test_accuracy_against_sparsity_in_rounds(shown: tuple[Any, Page]) -> None:
    _, page = shown
    (path, kept, back, end), layout = figure(page, "figure-curve-1")
    assert (kept["name"], kept["x"], kept["y"]) == ("kept", [25.0, 43.75], [96.0, 95.0])
    assert (path["x"], path["y"]) == (kept["x"], kept["y"])
    assert (back["name"], back["x"], back["y"]) == ("taken back", [57.8125], [80.0])
    assert (end["x"], end["y"]) == ([43.75], [96.25])  # on test samples, after the pass
    assert layout["shapes"][0]["y0"] == 97.5
    assert "97.50\u202f% before, 96.25\u202f% after the pass" in page.text


def test_accuracy_against_sparsity_while_it_rises(run) -> None:
    told = run.record["passes"][0]
    told["options"]["method"] = "gradual"
    told["curve"] = [{**row, "kept": row["sparsity"] > 0.5} for row in CURVE]
    (path, final, rising, end), _ = figure(Page(run.write()), "figure-curve-1")
    assert path["x"] == [25.0, 43.75, 57.8125]
    assert (final["name"], final["x"]) == ("at the final sparsity", [57.8125])
    assert (rising["name"], rising["x"]) == ("sparsity still rising", [25.0, 43.75])
    assert end["x"] == [57.8125]


@pytest.mark.parametrize(("left", "places"), [(0.0, [0.0]), (0.3, None)])
def test_accuracy_against_sparsity_with_no_round_kept(run, left: float, places: list[float] | None) -> None:
    """What is not known is not drawn."""
    run.record["passes"][0].update(curve=[{**CURVE[2]}], sparsity={"dense_1": left})
    data, _ = figure(Page(run.write()), "figure-curve-1")
    assert [trace["x"] for trace in data if trace.get("name", "").startswith("test samples")] == [places] * bool(places)


def test_accuracy_against_removed_parameters(run) -> None:
    rounds = [{"parameters": 600, "macs": 1, "accuracy": 0.9, "kept": True},
              {"parameters": 300, "macs": 1, "accuracy": 0.5, "kept": False},
              {"parameters": 300, "macs": 1, "accuracy": None, "kept": True}]  # fmt: skip
    del run.record["passes"][0]["curve"], run.record["passes"][0]["sparsity"]
    run.record["passes"][0].update(rounds=rounds, before={"parameters": 1200, "macs": 2}, after=rounds[0])
    (_, kept, back, _), layout = figure(Page(run.write()), "figure-curve-1")
    assert (kept["x"], kept["y"], back["x"]) == ([50.0], [90.0], [75.0])
    assert layout["xaxis"]["title"]["text"] == "parameters removed in %"


def test_passes_without_a_curve_have_no_figure(run) -> None:
    run.record["passes"][0]["curve"] = []
    page = Page(run.write())
    assert "figure-curve-1" not in page.figures
    assert "Accuracy against sparsity" not in page.text


@pytest.mark.parametrize(("count", "traces", "legend"), [(1, 1, 1), (7, 7, 7), (60, 60, 7)])
def test_sensitivity(run, count: int, traces: int, legend: int) -> None:
    shares = [0.0, *SENSITIVITY_AT]
    losses = {f"layer_{number}": [1 + number * share for share in shares] for number in range(count)}
    run.record["passes"][0]["sensitivity"] = losses
    data, _ = figure(Page(run.write()), "figure-sensitivity-1")
    assert len(data) == traces
    assert [trace["name"] for trace in data if trace.get("showlegend", True)][-1] == f"layer_{count - 1}"
    assert sum(trace.get("showlegend", True) for trace in data) == legend
    assert data[-1]["x"] == pytest.approx([100 * share for share in shares])
    assert data[-1]["y"] == losses[f"layer_{count - 1}"]


def test_zeros_of_each_layer_beside_what_was_pruned(shown: tuple[Any, Page]) -> None:
    run, page = shown
    (bars, marks), layout = figure(page, "figure-zeros")
    with np.load(run.stage("hls").folder / "project" / "weights.npz") as arrays:
        finals = [arrays[f"{name}.weights"] for name in layout["yaxis"]["ticktext"]]
    assert bars["x"] == pytest.approx([100 * np.mean(final == 0) for final in finals])
    assert (marks["name"], marks["x"]) == ("pruned by prune", [43.75] * 3)
    share = sum((final == 0).sum() for final in finals) / sum(final.size for final in finals)
    assert f"of all layers together, {100 * share:.1f}\u202f%" in page.text


def test_passes_of_one_name_are_told_apart(make_run: Callable[..., Any]) -> None:
    run = fill(make_run(passes=PASSES))
    run.record["passes"].append({**run.record["passes"][0], "sparsity": {"dense_1": 0.5}})
    (_, first, second), _ = figure(Page(run.write()), "figure-zeros")
    assert (first["name"], second["name"]) == ("pruned by prune 1", "pruned by prune 2")
    assert (second["y"], second["x"]) == ([1], [50.0])


def test_layers_that_are_all_zero_and_of_one_value(run) -> None:
    archive = run.stage("hls").folder / "project" / "weights.npz"
    with np.load(archive) as arrays:
        changed = {name: values * 0 for name, values in arrays.items()}
    changed["dense_1.weights"] += 3
    np.savez(archive, **changed)
    run.record["size"]["encoded"] = encoded(["dense_1"], [512] + [0] * 15, [])
    page = Page(run.write())
    (bars, _), _ = figure(page, "figure-zeros")
    assert bars["x"] == [100, 0, 100]
    (lengths,), layout = figure(page, "figure-lengths")
    assert (lengths["name"], lengths["y"][0]) == ("values, mean 0.00 bits", 512)
    assert layout["xaxis"]["range"] == [-0.6, 0.6]
    (shades, _), _ = figure(page, "figure-lengths-by-weight")  # no panel of indices
    assert shades["z"][0][0] == 100
    assert "lets the weights share 0 values besides zero" in page.text  # conv_1, which has only zeros


def test_code_lengths(shown: tuple[Any, Page]) -> None:
    _, page = shown
    (values, indices), _ = figure(page, "figure-lengths")
    assert (values["x"], values["y"]) == ([0, 1, 2, 3], [0, 18, 0, 12])
    assert values["name"] == "values, mean 1.80 bits"
    assert (indices["y"], indices["name"]) == ([0, 0, 15, 3], "indices, mean 2.17 bits")
    (shades, means, index_shades, index_means), layout = figure(page, "figure-lengths-by-weight")
    assert layout["yaxis"]["ticktext"] == ["conv_1.kernel", "dense_1.kernel", "output.kernel"]
    assert shades["z"][0] == [None, 60.0, None, 40.0]
    assert index_shades["z"][2] == pytest.approx([None, None, 100 * 5 / 6, 100 / 6])
    assert means["x"] == pytest.approx([1.8] * 3)
    assert index_means["x"] == pytest.approx([13 / 6] * 3)
    assert (shades["xaxis"], index_shades["xaxis"]) == ("x", "x2")
    assert "conv_1.kernel 16 6 alphabet, Huffman 3 3 2 1 4 10 4.2" in page.text
    assert "without a Huffman code" not in page.text
    assert "All weights 48 18 9 6 3 12 30 12.5" in page.text


def test_weights_with_and_without_huffman_codes(run) -> None:
    run.record["size"]["encoded"]["layers"][1].update(value_lengths=[], index_lengths=[])
    page = Page(run.write())
    assert "1 other weight is smaller without a Huffman code." in page.text
    ticks = figure(page, "figure-lengths-by-weight")[1]["yaxis"]["ticktext"]
    assert ticks == ["conv_1.kernel", "output.kernel"]


def test_weights_without_huffman_codes(run) -> None:
    run.record["size"]["encoded"] = encoded(["dense_1"], [], [])
    page = Page(run.write())
    assert not {"figure-lengths", "figure-lengths-by-weight"} & set(page.figures)
    assert "dense_1.kernel 16 6" in page.text


def test_shared_values_are_listed_and_marked(run) -> None:
    archive = run.stage("hls").folder / "project" / "weights.npz"
    with np.load(archive) as arrays:
        changed = dict(arrays)
    changed["conv_1.weights"] = np.resize([-4, 0, 2, 2, 0, 8], (3, 3, 1, 4))
    np.savez(archive, **changed)
    page = Page(run.write())
    assert "cluster conv_1 kernel 36 5 4" in page.text
    assert "cluster lets the weights share 3 values besides zero: the orange lines." in page.text
    data, _ = figure(page, "figure-weights-1")
    (lines,) = (trace for trace in data if trace["name"] == "shared value")
    assert lines["x"] == [each for value in (-4, 2, 8) for each in [value / 32] * 3]
    assert [each for each in lines["y"] if each is not None] == [0.7, 6, 0.7, 12, 0.7, 6]
    others, _ = figure(page, "figure-weights-2")  # of a layer that shares nothing
    assert not any(trace["name"] == "shared value" for trace in others)


def test_weights_are_compared_with_those_before_they_shared_values(make_run: Callable[..., Any]) -> None:
    run = fill(make_run(passes=("prune", "cluster", "quantize")))
    first = weights.collect(run.record["layers"], run.finished)[0]
    assert (list(first.earlier), first.shared_by) == (["float", "prune"], "cluster")


def test_many_shared_values_are_not_marked() -> None:
    final = FixedPoint(8, 1).quantize(np.linspace(-0.9, 0.9, 500))
    layer = weights.LayerWeights("layer", FixedPoint(8, 1), final, {}, "hash_share")
    counted = histogram.count(layer)
    assert counted.shared is not None
    assert not counted.are_shared_marked
    assert histogram.count(weights.LayerWeights("layer", FixedPoint(8, 1), final, {})).shared is None


@pytest.mark.parametrize("count", [1, 60])
def test_one_and_many_layers(make_run: Callable[..., Any], count: int) -> None:
    names = [f"dense_{number}" for number in range(count)]
    page = Page(fill(make_run(shapes=dict.fromkeys(names, (4, 4)), passes=PASSES)).write())
    (bars, _), layout = figure(page, "figure-zeros")
    assert layout["yaxis"]["ticktext"] == names
    assert len(bars["x"]) == count
    assert layout["height"] < 1200
    (shades, *_), layout = figure(page, "figure-lengths-by-weight")
    assert len(shades["z"]) == count
    assert layout["height"] < 1250


def test_run_that_never_pruned(make_run: Callable[..., Any]) -> None:
    run = fill(make_run(passes=["quantize"]))
    page = Page(run.write())
    assert "figure-curve-1" not in page.figures
    (bars,), _ = figure(page, "figure-zeros")  # of weights that were rounded to zero
    assert any(bars["x"])
    assert "pruned" not in page.texts_of_figure("figure-zeros")


def test_run_without_passes_has_its_file(make_run: Callable[..., Any]) -> None:
    page = Page(fill(make_run(passes=[])).write())
    assert figure(page, "figure-bytes")[1]["yaxis"]["ticktext"] == ["float32", "Huffman coding", "model.fpz"]
    assert "figure-zeros" not in page.figures


def test_escapes_names(run) -> None:
    told = run.record["passes"]
    told[0].update(name=HOSTILE, sensitivity={HOSTILE: [1.0] * 10})
    told[2]["layers"][0]["layer"] = HOSTILE
    run.record["size"]["encoded"]["layers"][0]["name"] = HOSTILE
    page = Page(run.write())
    assert "<script>alert" not in page.source
    assert not any("onerror" in attributes for _, attributes in page.elements)
    for name in page.figures:
        assert not any("<" in text.replace("<extra></extra>", "") for text in page.texts_of_figure(name))


def test_sums_and_means_of_code_lengths() -> None:
    assert compression.summed([[1, 2], [], [0, 0, 4]]) == [1, 2, 4]
    assert compression.summed([]) == []
    assert compression.mean_length([0, 1, 3]) == 1.75
    assert compression.mean_length([0, 0]) is None


def test_placements_are_told_with_their_costs(make_run: Callable[..., Any]) -> None:
    run = fill(make_run(passes=PASSES))
    estimate = {"lut": 4321, "ff": 5, "dsp": 6, "bram18": 7, "latency_cycles": 8, "ii": 9, "feature_map_bytes": 765}
    row = {"placement": ["present", "late"], "at": {"pool_1": "conv_2"}, "accuracy": 0.875, "fits": True}
    costs = {"macs": 123456, "feature_maps": 2345, "largest_feature_map": 1234, "resources": estimate}
    refused = {"placement": ["early"], "at": {"pool_1": "conv_1"}, "refused": f"no maps {HOSTILE}", "fits": False}
    none = {**row, **costs, "placement": ["even"], "resources": {"reason": "no types"}}
    run.record["passes"][0] |= {"placements": [{**row, **costs}, refused, none], "chosen": ["present", "late"]}
    found = compression.placements(run.record)["prune"]
    assert [each["kept"] for each in found] == [True, False, False]
    text = Page(run.write()).text
    for expected in ("present, late (taken)", "pool_1: conv_2", "87.50", "123,456", "4,321", "765", "no types"):
        assert expected in text
    del run.record["passes"][0]["chosen"]
    assert [each["kept"] for each in compression.placements(run.record)["prune"]] == [False, False, True]
