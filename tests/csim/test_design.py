"""Any HLS project's own files say all that its simulation needs; what they lack is said before anything is compiled."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from fpga_flow import csim
from fpga_flow.csim import headers, run
from fpga_flow.errors import InputError, ToolError
from tests import stock_hls4ml

IO_TYPES = ("io_parallel", "io_stream")
LAYERS = {"first": (5, "fixed<16,6>"), "both": (8, "fixed<16,6>"), "second": (6, "fixed<16,6>")}


@pytest.fixture(scope="module")
def projects(tmp_path_factory) -> dict[str, tuple[Path, np.ndarray, np.ndarray]]:
    """By io_type: the folder that hls4ml wrote, samples of both inputs, and hls4ml's own outputs of both outputs."""
    made = {}
    for io_type in IO_TYPES:
        folder = tmp_path_factory.mktemp("stock") / io_type
        graph = stock_hls4ml.write(stock_hls4ml.two_inputs_and_outputs(), folder, io_type, granularity="model")
        graph.compile()
        x = np.random.default_rng(2).uniform(-4, 4, (70, 7))
        theirs = graph.predict([np.ascontiguousarray(x[:, :4]), np.ascontiguousarray(x[:, 4:])])
        made[io_type] = (folder, x, np.concatenate(theirs, axis=1))
    return made


@pytest.mark.parametrize("level", ["kernels", "bundled"])
@pytest.mark.parametrize("io_type", IO_TYPES)
def test_a_folder_that_hls4ml_wrote_gives_what_hls4ml_gives(projects, io_type, level):
    folder, x, theirs = projects[io_type]
    simulator = csim.build(csim.Design.read(folder), stock_headers=level == "bundled")
    assert simulator.headers == level
    assert [(port.name, port.size) for port in simulator.inputs] == [("one", 4), ("other", 3)]
    assert [port.size for port in simulator.outputs] == [3, 2]
    assert {port.type for port in (*simulator.inputs, *simulator.outputs)} == {"fixed<16,6>"}
    np.testing.assert_array_equal(run.run(simulator, x), theirs)


@pytest.mark.parametrize("io_type", IO_TYPES)
def test_every_layer_of_it_is_recorded_though_hls4ml_wrote_no_trace(projects, io_type):
    folder, x, theirs = projects[io_type]
    assert "save_layer_output" not in (folder / "firmware" / "net.cpp").read_text()
    traced = run.trace(csim.build(csim.Design.read(folder), traced=True), x)
    np.testing.assert_array_equal(traced.outputs, theirs)
    names = [name for name in traced.layers if not name.startswith("clone") and "copy" not in name]
    assert set(names) >= {*LAYERS, "relu", "out", "extra"}
    for name, (size, type_) in LAYERS.items():
        assert (traced.layers[name].shape, traced.types[name]) == ((70, size), type_), name
    np.testing.assert_array_equal(traced.layers["out"], theirs[:, :3])
    np.testing.assert_array_equal(traced.layers["extra"], theirs[:, 3:])
    np.testing.assert_array_equal(traced.layers["relu"], np.maximum(traced.layers["second"], 0))
    np.testing.assert_array_equal(traced.layers["both"][:, :5], traced.layers["first"])


def test_an_unchanged_project_is_not_compiled_again_and_a_changed_one_is(projects, tmp_path):
    folder = tmp_path / "copied"
    shutil.copytree(projects["io_parallel"][0], folder)
    first = csim.build(csim.Design.read(projects["io_parallel"][0]))
    copied = csim.build(csim.Design.read(folder))
    assert (copied.cached, copied.executable) == (True, first.executable)
    header = folder / "firmware" / "nnet_utils" / "nnet_common.h"
    header.write_text(header.read_text() + "\n")
    changed = csim.build(csim.Design.read(folder))
    assert not changed.cached
    assert changed.digest != first.digest


@pytest.mark.parametrize(
    "name", ["firmware/types.inc", pytest.param("types.inc", marks=pytest.mark.slow), "../types.inc"]
)
def test_a_change_of_an_included_file_of_any_name_is_seen_in_each_copy(projects, tmp_path, name):
    folder = Path(shutil.copytree(projects["io_parallel"][0], tmp_path / "one" / "project"))
    defines = folder / "firmware" / "defines.h"
    defines.write_text(defines.read_text().replace("#endif", f'#include "../{name}"\n#endif'))
    (folder / name).touch()
    shutil.copytree(tmp_path / "one", tmp_path / "other")
    copied = tmp_path / "other" / "project"
    assert [csim.build(csim.Design.read(folder)).cached for _ in range(2)] == [False, True]
    (copied / name).write_text("#error changed\n")
    with pytest.raises(ToolError, match="#error changed"):
        csim.build(csim.Design.read(copied))
    assert csim.build(csim.Design.read(folder)).executable.exists()
    (folder / name).write_text("#error as well\n")
    with pytest.raises(ToolError, match="#error as well"):
        csim.build(csim.Design.read(folder))


def test_folders_of_any_name(projects, tmp_path, monkeypatch):
    folder, x, theirs = projects["io_parallel"]
    copied = shutil.copytree(folder, tmp_path / "a \"b' \\c ü $d" / "project")
    monkeypatch.setenv("FPGA_FLOW_CACHE", str(tmp_path / 'e "f'))
    for traced in (False, True):
        simulator = csim.build(csim.Design.read(Path(copied)), traced=traced)
        assert simulator.headers == "kernels"
        np.testing.assert_array_equal(run.run(simulator, x), theirs)


def test_options_of_the_compiler_and_of_this_package_are_part_of_the_digest(projects, tmp_path, monkeypatch):
    design = csim.Design.read(projects["io_parallel"][0])
    digests = {csim.build(design).digest}
    wrapper = tmp_path / "cxx"
    monkeypatch.setenv("CXX", str(wrapper))
    for options in ("", "-DONE"):
        wrapper.write_text(f'#!/bin/sh\nexec g++ {options} "$@" -O0\n')  # -O0 spares time
        wrapper.chmod(0o755)
        digests.add(csim.build(design).digest)
    assert len(digests) == 3
    monkeypatch.setattr(sys.modules["fpga_flow.csim.build"], "code_digest", lambda *names: "another version")
    assert csim.build(design).digest not in digests


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("firmware/net.cpp", ""), ("firmware/net.h", ""), ("firmware/defines.h", ""), ("firmware/parameters.h", ""),
        ("net_bridge.cpp", ""), ("firmware/weights/b2.txt", ""), ("firmware/nnet_utils", ""), ("firmware/ap_types", ""),
    ],
)  # fmt: skip
def test_missing_files_are_named_all_at_once(projects, tmp_path, name, what):
    folder = tmp_path / "copied"
    shutil.copytree(projects["io_parallel"][0], folder)
    (folder / "firmware" / "weights" / "w2.txt").unlink()
    shutil.rmtree(folder / name) if (folder / name).is_dir() else (folder / name).unlink()
    with pytest.raises(InputError) as error:
        csim.Design.read(folder)
    text = (
        "expected this part of the HLS project, but it is not there; make the project anew "
        "(hls4ml's ModelGraph.write(), or fpga-flow run), or copy it whole"
    )
    missing = {name, *(["firmware/weights/w2.txt"] if name != "firmware/net.cpp" else [])}
    assert str(error.value).splitlines() == sorted(f"{folder / each}: {text}" for each in missing)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, "expected the folder of an HLS project, but it has neither project.json nor hls4ml_config.yml"),
        ("ProjectName: [", "expected hls4ml's configuration as YAML, got: "),
        ("ProjectName: 'a; rm -rf /'\nBackend: Vitis\nIOType: io_parallel",
         'hls4ml_config.yml: ProjectName: expected a C++ name, got "a; rm -rf /"'),
        ("ProjectName: net\nBackend: Vitus\nIOType: io_parallel",
         'Backend: expected one of vitis, vivado, vivadoaccelerator, quartus, oneapi, catapult, libero, got "vitus"'),
        ("ProjectName: net\nBackend: Vitis\nIOType: io",
         'IOType: expected io_parallel or io_stream, got "io"'),
        ("ProjectName: net\nBackend: oneAPI\nIOType: io_parallel",
         "expected a project that can be simulated here, got one of oneapi: its projects are SYCL"),
        ("KerasModel: !!python/object/apply:os.system ['touch owned']\nProjectName: net\nBackend: Vitis\nIOType: io",
         'IOType: expected io_parallel or io_stream, got "io"'),
    ],
)  # fmt: skip
def test_a_folder_without_a_project_says_what_it_lacks(tmp_path, monkeypatch, config, message):
    monkeypatch.chdir(tmp_path)
    if config is not None:
        (tmp_path / "hls4ml_config.yml").write_text(config)
    with pytest.raises(InputError) as error:
        csim.Design.read(tmp_path)
    assert message in str(error.value)
    assert not (tmp_path / "owned").exists()


def test_no_folder(tmp_path):
    with pytest.raises(InputError, match="but there is no such folder"):
        csim.Design.read(tmp_path / "no")


def test_a_bridge_that_is_not_hls4mls(projects, tmp_path):
    folder = tmp_path / "copied"
    shutil.copytree(projects["io_parallel"][0], folder)
    (folder / "net_bridge.cpp").write_text("int main() {}\n")
    with pytest.raises(InputError, match="expected hls4ml's function net_double with conversions of inputs and"):
        csim.Design.read(folder)


def test_arrays_that_are_larger_than_the_users_stack(projects, tmp_path):
    folder, x, theirs = projects["io_parallel"]
    copied = tmp_path / "copied"
    shutil.copytree(folder, copied)
    source = copied / "firmware" / "net.cpp"
    start = "// hls-fpga-machine-learning insert layers\n"
    large = f"{start}    volatile char large[100 << 20];\n    for (int i = 0; i < 100; i++) large[i << 20] = 1;\n"
    source.write_text(source.read_text().replace(start, large))
    np.testing.assert_array_equal(run.run(csim.build(csim.Design.read(copied)), x[:2]), theirs[:2])


def test_samples_of_another_size(projects):
    simulator = csim.build(csim.Design.read(projects["io_parallel"][0]))
    with pytest.raises(ValueError, match="expected samples of 7 values, got 6"):
        run.run(simulator, np.zeros((2, 6)))


def test_no_samples(projects):
    simulator = csim.build(csim.Design.read(projects["io_parallel"][0]))
    assert run.run(simulator, np.zeros((0, 7))).shape == (0, 5)


def test_headers_stand_for_those_of_hls4ml_and_for_no_others(projects, tmp_path):
    folder = Path(shutil.copytree(projects["io_parallel"][0], tmp_path / "copied"))
    assert headers.able(csim.Design.read(folder)) == ("kernels", "light", "bundled")
    dense = folder / "firmware" / "nnet_utils" / "nnet_dense_latency.h"
    dense.write_text(dense.read_text().replace("acc[jj] += mult[index];", "acc[jj] += mult[index] + 1;"))
    design = csim.Design.read(folder)
    assert headers.able(design) == ("light", "bundled")
    x = projects["io_parallel"][1]
    changed = run.run(csim.build(design), x)
    assert (changed != projects["io_parallel"][2]).any()  # what the project's own header now says
    types = folder / "firmware" / "ap_types" / "ap_fixed.h"
    types.write_text(types.read_text() + "\n")
    assert headers.able(csim.Design.read(folder)) == ("bundled",)
    np.testing.assert_array_equal(run.run(csim.build(csim.Design.read(folder)), x), changed)


def test_a_change_behind_a_link_is_seen(projects, tmp_path):
    folder = Path(shutil.copytree(projects["io_parallel"][0], tmp_path / "copied"))
    shared = (folder / "firmware" / "nnet_utils").rename(tmp_path / "shared")
    (folder / "firmware" / "nnet_utils").symlink_to(shared)
    (shared / "round").symlink_to(folder / "firmware")
    before = csim.build(csim.Design.read(folder))
    assert csim.build(csim.Design.read(folder)).cached
    (shared / "nnet_common.h").write_text((shared / "nnet_common.h").read_text() + "\n")
    assert csim.build(csim.Design.read(folder)).digest != before.digest


def test_a_change_of_a_file_outside_of_the_project_is_seen(projects, tmp_path):
    folder = Path(shutil.copytree(projects["io_parallel"][0], tmp_path / "copied"))
    outside = tmp_path / "my shared $constants.h"
    outside.write_text("#define ADDED 0\n")
    source = folder / "firmware" / "net.cpp"
    output = csim.Design.read(folder).outputs[0].name
    text = source.read_text().replace('#include "net.h"', f'#include "net.h"\n#include "{outside}"')
    source.write_text(text.rstrip().removesuffix("}") + f"    {output}[0] += ADDED;\n}}\n")
    x, theirs = projects["io_parallel"][1:]
    np.testing.assert_array_equal(run.run(csim.build(csim.Design.read(folder)), x), theirs)
    assert csim.build(csim.Design.read(folder)).cached
    outside.write_text("#define ADDED 1\n")
    changed = csim.build(csim.Design.read(folder))
    assert not changed.cached
    np.testing.assert_array_equal(run.run(changed, x)[:, 1:], theirs[:, 1:])
    assert (run.run(changed, x)[:, 0] != theirs[:, 0]).all()
    outside.unlink()
    with pytest.raises(ToolError, match="constants"):
        csim.build(csim.Design.read(folder))


@pytest.mark.parametrize(
    "line", ['    nnet::save_layer_output<{}_t>({}, "second", 6);', "    // nnet::save_layer_output"]
)
def test_a_project_that_records_some_layers_itself_records_all(projects, tmp_path, line):
    folder, x, _ = projects["io_parallel"]
    whole = run.trace(csim.build(csim.Design.read(folder), traced=True), x)
    copied = Path(shutil.copytree(folder, tmp_path / "copied"))
    source = copied / "firmware" / "net.cpp"
    call = next(each for each in source.read_text().splitlines() if each.endswith("// second"))
    output = call.split("(")[1].split(", ")[1]
    added = line.format(output.removesuffix("_out"), output)
    source.write_text(source.read_text().replace(call, f"{call}\n{added}"))
    traced = run.trace(csim.build(csim.Design.read(copied), traced=True), x)
    assert list(traced.layers) == list(whole.layers)
    for name, values in whole.layers.items():
        np.testing.assert_array_equal(traced.layers[name], values, err_msg=name)
