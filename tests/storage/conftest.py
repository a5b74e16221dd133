"""The C decoder, compiled as C and as C++ with sanitizers; weights that are shared by rules."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fpga_flow import storage
from fpga_flow.networks.promises import Sharing
from fpga_flow.storage import rules

COMPILERS = {"c": ["cc", "-std=c99"], "c++": ["g++", "-x", "c++", "-std=c++11"]}
FLAGS = ["-O1", "-g", "-pedantic", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined",
         "-fno-sanitize-recover=all"]  # fmt: skip


def _compiled(language: str, folder: Path) -> Path:
    command = COMPILERS[language]
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]}")
    program = folder / f"dump_{language}"
    source = Path(__file__).with_name("fpz_dump.c")
    subprocess.run([*command, *FLAGS, f"-I{storage.HEADER.parent}", str(source), "-o", str(program)], check=True)
    return program


@pytest.fixture(scope="session")
def dump_c(tmp_path_factory) -> Path:
    return _compiled("c", tmp_path_factory.mktemp("fpz_c"))


@pytest.fixture(scope="session")
def dump_cpp(tmp_path_factory) -> Path:
    return _compiled("c++", tmp_path_factory.mktemp("fpz_cpp"))


@pytest.fixture
def fake_rules(monkeypatch) -> Callable[[str], tuple[np.ndarray, list[Sharing]]]:
    """Weights that are shared by a kind of rule, and their promise."""
    for kind in rules.RULES:
        monkeypatch.setitem(
            rules.RULES, kind, replace(rules.RULES[kind], home=f"tests.storage.fake_rules:{kind}_groups")
        )

    def shared(kind: str) -> tuple[np.ndarray, list[Sharing]]:
        rule = {"hash": {"kind": kind, "seed": 5, "buckets": 30}, "circulant": {"kind": kind, "block": 4}}[kind]
        groups, signs = rules.RULES[kind].groups((16, 12), rule)
        promise = Sharing("test", "", "", groups, signs, rule)
        values = np.round(np.random.default_rng(0).normal(0, 5, promise.count)) / 16
        return promise.spread(values, np.zeros((16, 12))).astype(np.float32), [promise]

    return shared
