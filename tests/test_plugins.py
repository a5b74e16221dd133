"""Plugins: found by their metadata, kept to their contracts, left out where they break them, told of everywhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fpga_flow import boards, compress, datasets, networks, plugins
from fpga_flow.errors import FieldError
from fpga_flow.plugins import PluginError, Registry
from tests.installed import ACME, ROOT, install, install_acme

PASS = '''"""A pass."""
from fpga_flow.spec.base import Section
class Options(Section):
    pass
def uses(options): return ()
def check(options, model, precision, path): return ()
def apply(network, dataset, options, context): return network, {}
'''
DATA = '''"""A data set."""
from typing import Literal
from fpga_flow.datasets.base import DataOptions
class Options(DataOptions):
    name: Literal["mine"]
def load(options, seed): pass
'''
BOARD = (ACME / "acme_flow" / "boards" / "acme-one.yaml").read_text(encoding="utf-8")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on Python's path for packages of the test."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    for cached in (plugins.everything, boards._of_plugins):
        cached.cache_clear()
    yield folder
    for cached in (plugins.everything, boards._of_plugins):
        cached.cache_clear()
    for name in set(sys.modules) - before:
        if name.startswith(("mine", "acme")):
            del sys.modules[name]


def registry(of: Registry) -> Registry:
    """The same with nothing found yet."""
    return Registry(of.group, of.built_in, of._check)


def broken(site: Path, of: Registry, text: str | None, name: str = "mine", value: str = "mine") -> str:
    """What is said of a plugin with this code."""
    if text is not None:
        (site / "mine.py").write_text(text, encoding="utf-8")
    install(site, "acme-flow", "1.0", {of.group: {name: value}})
    found = registry(of)
    assert list(found) == list(of.built_in)
    (message,) = found.broken.values()
    start = f'{plugins.GROUPS[of.group]} "{name}" of acme-flow 1.0 (entry point {name} = {value} in {of.group}) '
    assert message.startswith(f"{start}can't be used: ")
    return message.removeprefix(f"{start}can't be used: ")


def test_a_plugin_adds_to_the_built_in(site: Path) -> None:
    (site / "mine.py").write_text(PASS, encoding="utf-8")
    install(site, "acme-flow", "1.0", {"fpga_flow.passes": {"mine": "mine"}})
    found = registry(compress.PASSES)
    assert list(found) == [*compress.PASSES.built_in, "mine"]
    assert found["mine"].__doc__ == "A pass."
    assert (found.origin("mine"), found.origin("prune")) == ("acme-flow 1.0", "fpga_flow")
    assert not found.broken
    with pytest.raises(KeyError):
        found["yours"]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def f(:", "SyntaxError: invalid syntax (mine.py, line 1)"),
        ("raise ValueError('two\\nlines')", "ValueError: two lines"),
    ],
)
def test_code_that_fails(site: Path, code: str, message: str) -> None:
    assert broken(site, compress.PASSES, code) == f"expected a module that can be imported, got {message}"


@pytest.mark.parametrize(
    ("of", "code", "message"),
    [
        (compress.PASSES, PASS.replace('"""A pass."""', ""),
         "expected a docstring whose first paragraph says what it is, got none"),
        (compress.PASSES, PASS.replace("def uses", "def used").replace("def check", "check = 1\ndef checked"),
         "expected a function uses, got none; expected a function check, got a value of type int"),
        (compress.PASSES, PASS.replace("(Section)", ""),
         "expected Options, a class derived from fpga_flow.spec.base.Section, got a value of type type"),
        (datasets.DATASETS, DATA.replace("class Options", "class Choices"),
         "expected Options, a class derived from fpga_flow.datasets.base.DataOptions, got none"),
        (datasets.DATASETS, DATA.replace('"mine"', '"yours"'),
         'expected Options with the field name: Literal["mine"], got another one or none'),
        (networks.FAMILIES, PASS, "expected a function build, got none; "
         'expected Options with the field family: Literal["mine"], got another one or none'),
    ],
)  # fmt: skip
def test_contracts_that_are_broken(site: Path, of: Registry, code: str, message: str) -> None:
    assert broken(site, of, code) == message


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Mine", 'expected as name small letters, digits and _, got "Mine"'),
        ("../mine", 'expected as name small letters, digits and _, got "../mine"'),
        ("hls", 'expected a name that means nothing else, got "hls"'),
        ("options", 'expected a name that means nothing else, got "options"'),
        ("copy", 'expected a name that means nothing else, got "copy"'),
    ],
)
def test_names_that_are_refused(site: Path, name: str, message: str) -> None:
    assert broken(site, compress.PASSES, PASS, name) == message


def test_values_that_name_no_module(site: Path) -> None:
    assert broken(site, compress.PASSES, None, value="mine:apply") == "expected the name of a module, got mine:apply"


def test_modules_that_are_in_no_file(site: Path) -> None:
    assert broken(site, compress.PASSES, None, value="sys").startswith("expected a function uses, got none; ")
    plugin = plugins.Plugin("fpga_flow.passes", "mine", "sys", "acme-flow", "1.0")
    with pytest.raises(PluginError, match="expected code in files, got sys, which is in none"):
        plugin.identity  # noqa: B018  (it is what raises)


def test_a_name_that_is_built_in_stays_what_it_is(site: Path) -> None:
    (site / "mine.py").write_text(PASS, encoding="utf-8")
    install(site, "acme-flow", "1.0", {"fpga_flow.passes": {"prune": "mine"}})
    found = registry(compress.PASSES)
    assert found["prune"] is compress.prune
    assert (found.origin("prune"), found.identities("prune"), found.broken) == ("fpga_flow", [], {})
    ((_, why),) = found.problems
    assert why == 'expected a name of its own, got "prune", which the one built in has, too'


def test_two_plugins_of_one_name_are_both_refused(site: Path) -> None:
    (site / "mine.py").write_text(PASS, encoding="utf-8")
    install(site, "acme-flow", "1.0", {"fpga_flow.passes": {"mine": "mine", "other": "mine"}})
    install(site, "zenith", "2.1", {"fpga_flow.passes": {"mine": "mine"}})
    found = registry(compress.PASSES)
    assert list(found) == [*compress.PASSES.built_in, "other"]
    assert [(plugin.package, why) for plugin, why in found.problems] == [
        ("acme-flow 1.0", 'expected a name of its own, got "mine", which zenith 2.1 has, too'),
        ("zenith 2.1", 'expected a name of its own, got "mine", which acme-flow 1.0 has, too'),
    ]


def test_what_a_plugin_prints_is_not_output(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (site / "mine.py").write_text(f"{PASS}print('hello')\n", encoding="utf-8")
    install(site, "acme-flow", "1.0", {"fpga_flow.passes": {"mine": "mine"}})
    assert "mine" in registry(compress.PASSES)
    assert capsys.readouterr() == ("", "hello\n")


def test_digests_hold_the_code_of_the_package_and_its_version(site: Path) -> None:
    package = site / "mine"
    package.mkdir()
    (package / "__init__.py").write_text(PASS, encoding="utf-8")
    (package / "helper.py").write_text("", encoding="utf-8")
    folder = install(site, "acme-flow", "1.0", {"fpga_flow.passes": {"mine": "mine"}})

    def identity() -> dict[str, str]:
        plugins.everything.cache_clear()
        (made,) = registry(compress.PASSES).identities("prune", "mine")
        return made

    first = identity()
    assert first.keys() == {"package", "entry_point", "code"}
    (package / "readme.txt").write_text("no code", encoding="utf-8")
    assert identity() == first
    (package / "helper.py").write_text("VALUE = 2", encoding="utf-8")
    second = identity()
    assert {key for key in first if first[key] != second[key]} == {"code"}
    metadata = folder / "METADATA"
    metadata.write_text(metadata.read_text().replace("Version: 1.0", "Version: 1.1"))
    assert identity() == {**second, "package": "acme-flow 1.1"}


def test_a_module_beside_others_stands_for_itself(site: Path) -> None:
    (site / "mine.py").write_text(PASS, encoding="utf-8")
    install(site, "acme-flow", "1.0", {"fpga_flow.passes": {"mine": "mine"}})
    before = registry(compress.PASSES).identities("mine")
    (site / "yours.py").write_text("", encoding="utf-8")
    plugins.everything.cache_clear()
    assert registry(compress.PASSES).identities("mine") == before


def test_groups_that_are_none(site: Path) -> None:
    install(site, "acme-flow", "1.0", {"fpga_flow.pases": {"mine": "mine"}, "others.passes": {"mine": "mine"}})
    assert [(str(plugin), why) for plugin, why in plugins.unknown_groups()] == [
        (
            'entry point "mine" of acme-flow 1.0 (entry point mine = mine in fpga_flow.pases)',
            'expected a known group, got fpga_flow.pases: did you mean "fpga_flow.passes"?',
        )
    ]


def test_boards(site: Path) -> None:
    folder = site / "mine_boards"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise RuntimeError('boards need no code')", encoding="utf-8")
    for name, text in {
        "acme-one": BOARD,
        "acme-two": BOARD.replace("name: acme-one", "name: acme-2"),
        "acme-three": BOARD.replace("toolchain: vitis", "toolchain: none"),
        "pynq-z2": BOARD,
    }.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    install(site, "acme-flow", "1.0", {"fpga_flow.boards": {"acme": "mine_boards", "gone": "mine_nothing"}})
    install(site, "zenith", "2.1", {"fpga_flow.boards": {"zenith": "mine_nothing.boards"}})
    assert boards.load("acme-one").part == "xc7z010clg400-1"
    assert boards.origin("acme-one") == "acme-flow 1.0"
    assert boards.origin("pynq-z2") == "fpga_flow"
    assert [board.name for board in boards.every_board()] == sorted([*boards.names(), "acme-one"])
    said = [(plugin.package, why.replace(str(site), "SITE")) for plugin, why in boards.problems()]
    assert said[:2] == [
        ("acme-flow 1.0", "expected a package that is a folder, got mine_nothing, which is none"),
        (
            "zenith 2.1",
            "expected a module that can be imported, got ModuleNotFoundError: No module named 'mine_nothing'",
        ),
    ]
    assert [why for _, why in said[2:]] == [
        'board "acme-three": SITE/mine_boards/acme-three.yaml:6:1: toolchain: expected "vitis", "vivado", "oneapi", '
        '"quartus", "libero" or "open", got "none": did you mean "oneapi"?',
        f'board "acme-two": expected the name of its file in {folder}/acme-two.yaml, got "acme-2"'.replace(
            str(site), "SITE"
        ),
        'board "pynq-z2": expected a name of its own, got "pynq-z2", which a board of the package\'s own has, too',
    ]
    with pytest.raises(FieldError) as caught:
        boards.load("acme-two")
    assert "of acme-flow 1.0" in str(caught.value)
    assert 'got "acme-2"' in str(caught.value)
    with pytest.raises(FieldError, match='did you mean "acme-one"'):
        boards.load("acme-on")


SCRIPT = """
import json, sys
from contextlib import redirect_stdout
from io import StringIO
from fpga_flow import cli

def call(*arguments):
    sys.argv, out = ["fpga-flow", *arguments], StringIO()
    try:
        with redirect_stdout(out):
            cli.main()
    except SystemExit as leave:
        return leave.code or 0, out.getvalue()
    return 0, out.getvalue()

told = {"help": call("--help")[0], "boards": call("boards", "--json")}
told["imported"] = sorted(set(sys.modules) & {"acme_flow.clip", "acme_flow.rings", "mine", "tensorflow"})
for command in ("passes", "datasets", "layers", "doctor"):
    told[command] = call(command, "--json")
told["schema"] = call("schema")
told["good"] = call("check", "good.yaml")
told["bad"] = call("check", "bad.yaml", "--json")
told["code"] = call("check", "digits_mlp")
from fpga_flow import datasets, flow, plugins
from fpga_flow.spec.load import load
from fpga_flow.sweep import work
told["environment"] = work.environment()

def digests(changed):
    with open(changed, "a") as file:
        print("# changed", file=file)
    plugins.everything.cache_clear()
    return [stage.digest for stage in flow.plan(spec, dataset)]

spec = load("good.yaml").spec
dataset = datasets.load(spec.data, spec.seed)
told["digests"] = [digests("good.yaml"), digests("site/mine_layer.py"), digests("site/acme_flow/clip.py")]
print(json.dumps(told))
"""
#: A module that breaks all of the contract of an HLS layer.
LAYER = """
LAYER = int
EXACT = {"ap": "io_parallel"}
def register(backend, types): pass
"""


def run(site: Path, *command: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}"}
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=False, env=environment, cwd=folder
    )


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the commands say where the example package and a package that can't be imported are installed."""
    folder = tmp_path_factory.mktemp("plugins")
    site = folder / "site"
    install_acme(site)
    (site / "mine.py").write_text("import nothing_of_this_name", encoding="utf-8")
    groups = ("fpga_flow.passes", "fpga_flow.datasets", "fpga_flow.networks", "fpga_flow.hls_layers")
    (site / "mine_layer.py").write_text(LAYER, encoding="utf-8")
    points = {group: {"mine": "mine"} for group in groups}
    install(site, "zenith", "2.1", {**points, "fpga_flow.hls_layers": {"mine": "mine", "Dense": "mine_layer"}})
    text = (ACME / "spec.yaml").read_text(encoding="utf-8")
    (folder / "good.yaml").write_text(text, encoding="utf-8")
    for old, new in (("name: rings", "name: mine"), ("family: folded", "family: mine"), ("clip:", "mine:")):
        assert old in text
        text = text.replace(old, new)
    (folder / "bad.yaml").write_text(text.replace("acme-one", "acme-on"), encoding="utf-8")
    result = run(site, "-c", SCRIPT, folder=folder)
    assert result.returncode == 0, result.stderr
    return {**json.loads(result.stdout), "stderr": result.stderr}


def _told(told: dict[str, Any], command: str) -> Callable[[str], dict[str, Any]]:
    code, text = told[command]
    assert code == 0
    entries = {entry.get("name") or entry.get("case") or entry["what"]: entry for entry in json.loads(text)}
    return lambda name: entries[name]


def test_lists_say_where_things_are_from(told: dict[str, Any]) -> None:
    for command, name, built_in in (
        ("boards", "acme-one", "pynq-z2"),
        ("passes", "clip", "prune"),
        ("datasets", "rings", "digits"),
        ("layers", "Absolute", "CReLU, quantized"),
    ):
        entry = _told(told, command)
        assert entry(name)["from"] == "acme-flow 1.0"
        assert entry(built_in)["from"] == "fpga_flow"
    assert _told(told, "layers")("Absolute")["io_stream"] == "declared (ap)"


def test_help_and_boards_import_no_plugins(told: dict[str, Any]) -> None:
    assert told["help"] == 0
    assert told["imported"] == []


def test_doctor_tells_of_plugins(told: dict[str, Any]) -> None:
    entry = _told(told, "doctor")
    assert entry("plugin acme-flow 1.0: clip") == {
        "what": "plugin acme-flow 1.0: clip", "found": "acme_flow.clip", "needed for": "compression pass", "how": "",
        "required": False,
    }  # fmt: skip
    why = "expected a module that can be imported, got ModuleNotFoundError: No module named 'nothing_of_this_name'"
    assert entry("plugin zenith 2.1: mine")["found"] == ""
    assert entry("plugin zenith 2.1: mine")["how"] == why


def test_the_contract_of_layers(told: dict[str, Any]) -> None:
    assert _told(told, "doctor")("plugin zenith 2.1: Dense")["how"].split("; ") == [
        'expected a name of its own, got "Dense", which another layer has, too',
        "expected LAYER, a class of layers of Keras 2 (tf_keras), got another value or none",
        """expected EXACT, for example {"ap": ("io_parallel", "io_stream")}, got {'ap': 'io_parallel'}""",
        "expected a docstring whose first paragraph says what it is, got none",
        *(f"expected a function {name}, got none" for name in ("fraction", "bounds", "cost", "energy")),
    ]


def test_workers_of_sweeps_must_have_the_same_plugins(told: dict[str, Any]) -> None:
    parts = [part.split(" ") for part in told["environment"].split(", ")]
    names = {part[0]: part[1:3] for part in parts if part[0].startswith("fpga_flow.")}
    assert names == {
        f"fpga_flow.{group}": ["acme-flow", "1.0"]
        for group in ("passes:clip", "datasets:rings", "networks:folded", "hls_layers:Absolute")
    }


def test_digests_of_stages_change_with_the_code_of_the_plugins_that_they_use(told: dict[str, Any]) -> None:
    first, same, other = told["digests"]
    assert first == same
    assert not set(first) & set(other)


def test_the_schema_has_them(told: dict[str, Any]) -> None:
    schema = json.loads(told["schema"][1])
    assert "clip" in schema["$defs"]["OnePass"]["properties"]
    assert {"rings", "folded"} <= set(schema["properties"]["data"]["discriminator"]["mapping"]) | set(
        schema["properties"]["network"]["discriminator"]["mapping"]
    )


def test_specs_use_them_and_others_go_on_where_one_is_broken(told: dict[str, Any]) -> None:
    assert told["good"] == [0, "1 spec is fine\n"]
    assert told["code"] == [0, "1 spec is fine\n"]


def test_a_spec_that_needs_a_broken_plugin(told: dict[str, Any]) -> None:
    code, text = told["bad"]
    assert code == 2
    problems = {each["field"]: (each["line"], each["message"]) for each in json.loads(text)}
    assert list(problems) == ["data", "network", "compress[0]", "hls.board"]
    for field, line, group in (("data", 4, "datasets"), ("network", 6, "networks"), ("compress[0]", 11, "passes")):
        where, message = problems[field]
        what = plugins.GROUPS[f"fpga_flow.{group}"]
        assert where == line
        assert message == (
            f'{what} "mine" of zenith 2.1 (entry point mine = mine in fpga_flow.{group}) can\'t be used: expected a '
            "module that can be imported, got ModuleNotFoundError: No module named 'nothing_of_this_name'"
        )
    assert problems["hls.board"][1] == 'expected a board, got "acme-on": did you mean "acme-one"?'


@pytest.mark.slow
def test_the_example_package_is_built_installed_and_run(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    source, site = tmp_path / "acme_flow", tmp_path / "site"
    shutil.copytree(ACME, source, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    for command in (
        ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(source)],
        ["install", "--no-deps", "--no-index", "--target", str(site), str(tmp_path / "acme_flow-1.0-py3-none-any.whl")],
    ):
        subprocess.run([*pip, *command], check=True)

    def flow(*arguments: str) -> dict[str, Any]:
        out = ("--out", str(tmp_path / "runs"), "--json")
        result = run(site, "-m", "fpga_flow.cli", "run", str(source / "spec.yaml"), *arguments, *out)
        assert result.returncode == 0, result.stderr
        (record,) = json.loads(result.stdout)
        return record

    first = flow()
    assert first["csim"]["exact"]
    assert first["metrics"]["csim"]["accuracy"] > 0.8
    assert [layer["kind"] for layer in first["layers"]] == ["dense", "Absolute", "relu", "dense"]
    assert [each["entry_point"].split(" ")[0] for each in first["plugins"]] == ["rings", "folded", "clip", "Absolute"]
    assert all(stage["cached"] for stage in flow()["stages"])


@pytest.mark.slow
def test_a_sweep_in_processes_of_its_own(tmp_path: Path) -> None:
    site, spec = tmp_path / "site", tmp_path / "spec.yaml"
    install_acme(site)
    swept = "sweep: {parameters: {limit: {path: compress.clip.limit, values: [0.5, 1.5]}}, objectives: [accuracy, lut]}"
    spec.write_text((ACME / "spec.yaml").read_text(encoding="utf-8") + f"\n{swept}\n", encoding="utf-8")
    result = run(site, "-m", "fpga_flow.cli", "sweep", str(spec), "--jobs", "2", "--json", "--out", str(tmp_path / "r"))
    assert result.returncode == 0, result.stderr
    assert [trial["state"] for trial in json.loads(result.stdout)["trials"]] == ["done", "done"]
