"""The kernels compute what hls4ml's own functions compute, bit for bit.

Random layers, as hls4ml configures them, are compiled into one program twice: with the kernels and without. Both must
print the same hash of the results' bits for each layer. Accumulators overflow in nearly all of them.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import hls4ml
import numpy as np
import pytest

from fpga_flow.csim import compiler, kernels
from fpga_flow.csim.build import LIGHT
from tests.csim.random_layers import Layers

CHECK = Path(__file__).with_name("kernels")
TEMPLATES = Path(hls4ml.__file__).parent / "templates"


def firmware(backend: str, folder: Path) -> Path:
    """hls4ml's headers of a backend, as its projects have them."""
    shutil.copytree(TEMPLATES / "vivado" / "ap_types", folder / "ap_types")
    shutil.copytree(TEMPLATES / "vivado" / "nnet_utils", folder / "nnet_utils")
    if backend == "vitis":
        shutil.copytree(TEMPLATES / "vitis" / "nnet_utils", folder / "nnet_utils", dirs_exist_ok=True)
    return folder


def compile_and_run(program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    executable = program.with_suffix("")
    command = [str(compiler.find().path), "-std=c++14", "-w", *arguments, f"-I{program.parent}",
               f"-I{program.parent / 'ap_types'}", f"-I{CHECK}", str(program), "-o", str(executable)]  # fmt: skip
    subprocess.run(command, check=True)
    return subprocess.run([str(executable)], check=True, capture_output=True, text=True, cwd=program.parent)


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> str:
    """kernels.cpp, compiled."""
    path = tmp_path_factory.mktemp("native") / "kernels.o"
    subprocess.run(
        [str(compiler.find().path), "-std=c++14", "-O2", "-c", str(kernels.SOURCE), "-o", str(path)], check=True
    )
    return str(path)


def same(backend: str, seed: int, count: int, folder: Path, native: str, *flags: str) -> None:
    """`count` random layers of each kind give the same results with the kernels as without."""
    layers = Layers(seed)
    for _ in range(count):
        for kind in (layers.dense, layers.stream_conv, layers.array_conv, layers.pool, layers.activation):
            kind()
    program = layers.write(firmware(backend, folder))
    assert kernels.fitting(folder)
    stock = compile_and_run(program, *flags, f"-I{LIGHT}").stdout.splitlines()
    code = kernels.code_gen(folder)
    assert code is not None
    assert code.count("Im2col<") == len(layers.code)
    (folder / "code_gen.h").write_text(code, encoding="utf-8")
    program.write_text(
        f'#include "kernels.h"\n#include "{folder / "code_gen.h"}"\n{program.read_text()}', encoding="utf-8"
    )
    fast = compile_and_run(program, *flags, f"-I{LIGHT}", f"-I{kernels.FOLDER}", "-DKERNELS", native)
    assert fast.stdout.splitlines() == stock
    assert len(stock) == layers.count
    assert {line.split()[0] for line in fast.stderr.splitlines() if line.endswith(" 1")} == layers.fast
    assert len(layers.slow) > count / 2
    assert len({line.split()[1] for line in stock}) > 0.9 * len(stock)


@pytest.mark.parametrize("backend", ["vitis", pytest.param("vivado", marks=pytest.mark.slow)])
def test_same_results(backend: str, tmp_path: Path, native: str) -> None:
    same(backend, 1, 3, tmp_path, native, "-O0")


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["vitis", "vivado"])
@pytest.mark.parametrize("seed", range(2, 6))
def test_same_results_of_more_layers(backend: str, seed: int, tmp_path: Path, native: str) -> None:
    same(backend, seed, 24, tmp_path, native, "-O1")


@pytest.mark.parametrize(
    ("flags", "compared"), [((), 70_000), pytest.param(("-DLARGE",), 500_000, marks=pytest.mark.slow)]
)
def test_numbers_above_0_become_what_the_types_make_of_them(
    flags: tuple[str, ...], compared: int, tmp_path: Path, native: str
) -> None:
    program = shutil.copy(CHECK / "positive.cpp", firmware("vitis", tmp_path))
    done = compile_and_run(Path(program), *flags, f"-I{LIGHT}", f"-I{kernels.FOLDER}", native)
    assert int(done.stdout) > compared


@pytest.mark.parametrize("backend", ["vitis", "vivado"])
def test_the_digests_are_those_of_the_installed_hls4ml(backend: str, tmp_path: Path) -> None:
    folder = firmware(backend, tmp_path)
    names = kernels.fitting(folder)
    assert {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names} == kernels.DIGESTS[
        backend
    ]
    flags = ["-std=c++14", "-w", "-M", *(f"-I{path}" for path in (LIGHT, kernels.FOLDER, folder, folder / "ap_types"))]
    command = [str(compiler.find().path), *flags, str(kernels.FOLDER / "kernels.h")]
    included = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert {str(folder / name) for name in names} == {path for path in included if path.startswith(str(folder))}


def test_no_kernels_for_headers_that_someone_changed(tmp_path: Path) -> None:
    folder = firmware("vitis", tmp_path)
    for name in ("nnet_dense_latency.h", "nnet_types.h"):
        path = folder / "nnet_utils" / name
        original = path.read_bytes()
        path.write_bytes(original + b" ")
        assert kernels.fitting(folder) == ()
        path.unlink()
        assert kernels.fitting(folder) == ()
        path.write_bytes(original)
    assert kernels.fitting(folder) != ()


def test_windows_that_are_not_what_hls4ml_writes_stay(tmp_path: Path) -> None:
    seed = 0
    while True:  # a layer of several windows
        layers = Layers(seed)
        layers.array_conv()
        if "out_width = 3;" in layers.parameters[-1]:
            break
        seed += 1
    layers.write(firmware("vitis", tmp_path))
    path = tmp_path / "nnet_utils" / "nnet_code_gen.h"
    text = path.read_text()
    code = kernels.code_gen(tmp_path)
    assert code is not None
    assert "buffer[0]" not in code
    for old, new in (("data[1]", "data[2]"), ("[0][0]", "[0][1]"), ("partition ==   0", "partition ==   1")):
        assert old in text
        path.write_text(text.replace(old, new, 1))
        assert kernels.code_gen(tmp_path) is None
    path.write_text(text)
    parameters = (tmp_path / "parameters.h").read_text()
    for name in ("in_width", "stride_width", "n_partitions", "pad_left"):
        line = next(line for line in parameters.splitlines() if f" {name} = " in line)
        for value in ("0", "7", "100000000"):
            (tmp_path / "parameters.h").write_text(parameters.replace(line, line.split("=")[0] + f"= {value};"))
            assert kernels.code_gen(tmp_path) is None
    (tmp_path / "parameters.h").unlink()
    assert kernels.code_gen(tmp_path) is None


WEIGHTS = "0.1, -0.25,+3, 7e-2 ,-1.5E1,  0.3333333333333333,12345678901234567890,abc,2.5x, inf, .5,5.,-0, -3, 1e999,-"


def test_weights_are_read_as_hls4ml_reads_them(tmp_path: Path, native: str) -> None:
    types = ["ap_fixed<16,6>", "ap_fixed<40,20,AP_RND,AP_SAT>", "ap_ufixed<9,3>", "ap_int<9>", "ap_uint<7>", "float"]
    program = tmp_path / "program.cpp"
    sizes = {"odd": WEIGHTS.count(",") + 1, "short": 3, "line": 3, "comma": 3, "empty": 3, "numbers": 340}
    (tmp_path / "parameters.h").write_text('#include "nnet_utils/nnet_helpers.h"\n')
    firmware("vitis", tmp_path)
    (tmp_path / "weights").mkdir()
    rng = np.random.default_rng(1)
    numbers = [f"{value:.{digits}f}" for digits in range(17) for value in rng.normal(0, 3, 20)]
    for name, text in (("odd", WEIGHTS), ("short", "1,2"), ("line", "1,2,3\n4"), ("comma", "1,2,3,"), ("empty", ""),
                       ("numbers", ", ".join(numbers))):  # fmt: skip
        (tmp_path / "weights" / f"{name}.txt").write_text(text)
    reads = "".join(
        f'{{ std::vector<{type_}> w({size}); nnet::load_weights_from_txt<{type_}, {size}>(w.data(), "{name}.txt");'
        ' for (auto x : w) printf("%.17g ", double(x)); puts(""); }\n'
        for type_ in types
        for name, size in sizes.items()
    )
    program.write_text(
        f'#include "check.h"\nint main() {{\n{reads}nnet::load_weights_from_txt<ap_int<2>, 1>(0, "no.txt");}}'
    )
    with pytest.raises(subprocess.CalledProcessError) as stock:
        compile_and_run(program, f"-I{LIGHT}")
    with pytest.raises(subprocess.CalledProcessError) as fast:
        compile_and_run(program, f"-I{LIGHT}", f"-I{kernels.FOLDER}", "-DKERNELS", native)
    assert stock.value.returncode == fast.value.returncode == 1
    assert stock.value.stderr.count("ERROR: Expected") == 6
    assert "ERROR: file weights/no.txt does not exist" in stock.value.stderr
    assert fast.value.stdout == stock.value.stdout
    assert fast.value.stderr == stock.value.stderr


def test_a_stream_that_is_read_while_empty_warns_as_ever(tmp_path: Path, native: str) -> None:
    program = tmp_path / "program.cpp"
    firmware("vitis", tmp_path)
    (tmp_path / "parameters.h").write_text(
        '#include "nnet_utils/nnet_activation_stream.h"\n'
        "struct c : nnet::activ_config { static const unsigned n_in = 6; };"
    )
    pack = "nnet::array<ap_int<5>, 2>"
    program.write_text(
        f'#include "check.h"\nint main() {{ check_stream<{pack}, {pack}, ap_int<2>, ap_int<2>>("case", 1, 1, 1, '
        f"[](hls::stream<{pack}> &d, hls::stream<{pack}> &to, ap_int<2> *, ap_int<2> *) "
        f"{{ nnet::relu<{pack}, {pack}, c>(d, to); }}); }}"
    )
    stock = compile_and_run(program, f"-I{LIGHT}").stdout
    assert stock.count("WARNING: Hls::stream is read while empty") == 18
    assert compile_and_run(program, f"-I{LIGHT}", f"-I{kernels.FOLDER}", "-DKERNELS", native).stdout == stock
