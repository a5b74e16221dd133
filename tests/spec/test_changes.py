"""`--set path.to.field=value`: what it changes, and what it says where it can't."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fpga_flow.errors import InputError
from fpga_flow.spec import yaml_file
from fpga_flow.spec.changes import change, values_by_path
from fpga_flow.spec.load import load

TEXT = """\
name: net
data: {name: digits}
network:
  family: cnn
  conv:
    - {filters: 4}
    - {filters: 8, kernel: 5}
  hidden: [32]
compress:
  - prune: {sparsity: 0.9}
  - quantize: {epochs: 3}
  - quantize: {epochs: 4}
precision:
  input: ufixed<5,1>
  layers:
    "*": {weight: "fixed<6,1>"}
hls:
"""


@pytest.fixture
def document() -> yaml_file.Document:
    return yaml_file.parse(TEXT, "net.yaml")


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("name=other", ("name",), "other"),
        ("seed=7", ("seed",), 7),
        ("network.hidden=[64, 32]", ("network", "hidden"), [64, 32]),
        ("network.hidden.0=64", ("network", "hidden", 0), 64),
        ("network.conv.1.kernel=3", ("network", "conv", 1, "kernel"), 3),
        ("network.conv.kernel=3", ("network", "conv", 1, "kernel"), 3),
        ("network.conv.0={filters: 2, kernel: 7}", ("network", "conv", 0), {"filters": 2, "kernel": 7}),
        ("compress.prune.sparsity=0.5", ("compress", 0, "prune", "sparsity"), 0.5),
        ("compress.2.quantize.epochs=1e1", ("compress", 2, "quantize", "epochs"), 10.0),
        ("compress.0.prune.schedule.power=2", ("compress", 0, "prune", "schedule", "power"), 2),
        ("compress.prune={sparsity: 0.1}", ("compress", 0, "prune"), {"sparsity": 0.1}),
        ("training.patience=", ("training", "patience"), None),
        ("training.patience=null", ("training", "patience"), None),
        ("hls.board=kv260", ("hls", "board"), "kv260"),
        ("hls.layers={}", ("hls", "layers"), {}),
        ("hls.layers.out*.reuse_factor=4", ("hls", "layers", "out*", "reuse_factor"), 4),
        ("precision.layers.*.weight=fixed<4,1>", ("precision", "layers", "*", "weight"), "fixed<4,1>"),
        ("precision.layers.conv*.weight=fixed<4,1>", ("precision", "layers", "conv*", "weight"), "fixed<4,1>"),
        ('precision.layers."conv*".weight="fixed<4,1>"', ("precision", "layers", "conv*", "weight"), "fixed<4,1>"),
        ('precision.layers."a.b=c".weight=x', ("precision", "layers", "a.b=c", "weight"), "x"),
        ("data.path=a=b.csv", ("data", "path"), "a=b.csv"),
        ("name='5'", ("name",), "5"),
        ("name=yes", ("name",), "yes"),
        ("new.deeper.still=true", ("new", "deeper", "still"), True),
    ],
)
def test_changes(document: yaml_file.Document, text: str, path: tuple[Any, ...], value: Any) -> None:
    change(document, text)
    node = document.data
    for step in path:
        node = node[step]
    assert node == value
    assert type(node) is type(value)
    assert str(document.places[path]) == f"--set {text}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name", "expected path.to.field=value"),
        ("", "expected path.to.field=value"),
        ("=5", "expected path.to.field=value"),
        ("hls..board=kv260", "expected path.to.field=value"),
        ("hls.=kv260", "expected path.to.field=value"),
        (".hls=kv260", "expected path.to.field=value"),
        ('hls."board=kv260', "expected path.to.field=value"),
        ("hidden=[1", "invalid YAML: while parsing a flow sequence, expected ',' or ']', but got '<stream end>'"),
        ("a=b: c: d", "invalid YAML: mapping values are not allowed here"),
        ("a=*", "invalid YAML: while scanning an alias, expected alphabetic or numeric character, but found '\\x00' "
                '(text that begins with * must be in quotes: "*")'),
        ("a=.nan", "expected a finite number, got .nan"),
        ("a=!!python/name:os.system x", "expected a value without a tag, got the tag !!python/name:os.system"),
        ("name.first=x", 'name: expected a mapping with the key "first", got "net"'),
        ("network.hidden.0.x=1", 'network.hidden[0]: expected a mapping with the key "x", got 32'),
        ("network.hidden.3=1", "network.hidden: expected the number of an entry, below 1, got 3"),
        ("network.hidden.first=1",
         'network.hidden: expected an entry with the key "first", got none: none are known'),
        ("compress.prun.sparsity=0.5",
         'compress: expected an entry with the key "prun", got none: did you mean "prune"?'),
        ("compress.prune_filters.sparsity=0.5",  # not "did you mean prune?"
         'compress: expected a pass of the spec, got "prune_filters": add it to `compress`, which has prune, quantize'),
        ("compress.quantize.epochs=5",
         'compress: expected the number of an entry, 1 or 2, as more than one has the key "quantize"'),
    ],
)  # fmt: skip
def test_wrong_changes(document: yaml_file.Document, text: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        change(document, text)
    assert str(caught.value) == f"--set {text}: {problem}"


def test_problems_of_changed_fields_name_the_change(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(TEXT.replace("\nhls:\n", "\nhls: {board: kv260}\n"))
    changes = ["network.conv=[{filters: none}]", "hls.bord=kv260", "training.epochs=1.5", "compress.prune=half"]
    assert [str(problem) for problem in sorted(load(path, changes).problems)] == [
        '--set compress.prune=half: compress[0].prune: expected a mapping, got "half"',
        '--set hls.bord=kv260: hls.bord: unknown key "bord": did you mean "board"?',
        '--set network.conv=[{filters: none}]: network.conv[0].filters: expected a whole number, got "none"',
        "--set training.epochs=1.5: training.epochs: expected a whole number, got 1.5",
    ]


def test_later_changes_win_and_mend(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(TEXT)
    loaded = load(path, ["hls.board=kv260", "hls.board=zcu104", "training.epochs=3"])
    assert loaded.spec is not None
    assert (loaded.spec.hls.board, loaded.spec.training.epochs) == ("zcu104", 3)


def test_paths_of_specs_are_those_of_set() -> None:
    layers = {"layers": {"conv*.1": {"weight": "fixed<6,1>"}}, "conv": [{"filters": 8, "kernel": 3}], "hidden": [3, 4]}
    twice = [{"prune": {"sparsity": 0.5}}, {"prune": {"sparsity": 0.75}}, {"quantize": {}}]
    assert values_by_path({"precision": layers, "compress": twice}) == {
        'precision.layers."conv*.1".weight': "fixed<6,1>",
        "precision.conv.0.filters": 8,
        "precision.conv.0.kernel": 3,
        "precision.hidden": [3, 4],
        "compress.0.prune.sparsity": 0.5,
        "compress.1.prune.sparsity": 0.75,
        "compress.quantize": {},
    }
