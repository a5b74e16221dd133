"""The C decoder, compiled as C and as C++ with sanitizers; weights that are shared by rules."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
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


@pytest.fixture(scope="session")
def shared_by_rule() -> Callable[[str], tuple[np.ndarray, list[Sharing]]]:
    """Weights that are shared by a kind of rule, and their promise."""

    def shared(kind: str) -> tuple[np.ndarray, list[Sharing]]:
        settings, shape = {
            "hash": ({"seed": 5, "buckets": 30}, (16, 10)),
            "circulant": ({"block": 4}, (16, 10)),
            "transfer": ({"rotations": 4, "flips": 2}, (3, 3, 2, 10)),
        }[kind]
        rule = {"kind": kind, **settings}
        groups, signs = rules.RULES[kind].groups(shape, rule)
        promise = Sharing("test", "", "", groups, signs, rule)
        values = np.round(np.random.default_rng(0).normal(0, 5, promise.count)) / 16
        return promise.spread(values, np.zeros(shape)).astype(np.float32), [promise]

    return shared
