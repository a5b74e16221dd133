"""Damaged and hostile files give one kind of error: no other, no crash, no long wait, no large allocation."""

from __future__ import annotations

import resource
import time

import numpy as np
import pytest

from fpga_flow import storage
from fpga_flow.errors import InputError
from fpga_flow.networks.network import Network
from fpga_flow.storage import building, file, rules
from tests.storage import mutations, nets
from tests.storage.test_c_decoder import UNSUPPORTED, check_agrees, dumped

MOST_BYTES = 1 << 20


@pytest.fixture(scope="module")
def files(shared_by_rule) -> list[bytes]:
    made = [storage.encode(nets.made(name)) for name in nets.NETWORKS] + [storage.encode(nets.clustered())]
    rng = np.random.default_rng(0)
    wide = np.clip(np.round(rng.normal(0, 4, (90, 100))), -16, 15).astype(np.float32)  # more than one block
    architecture = mutations.bodies(made[0])[0][1:]
    layers = [[(wide, ()), (wide[:, :99] * (rng.random((90, 99)) < 0.7), ())], [(np.zeros((40, 50), np.float32), ())]]
    layers.append([shared_by_rule(kind) for kind in rules.RULES])
    return [*made, file.join(architecture, iter(layers)), *([_with_ans(architecture, wide)] if _has_ans() else [])]


def _has_ans() -> bool:
    try:
        import constriction  # noqa: F401
    except ImportError:
        return False
    return True


def _with_ans(architecture: bytes, values: np.ndarray) -> bytes:
    return file.join(architecture, iter([[(values, ()), (values * (values > 4), ())]]), coding="ans")


@pytest.mark.parametrize("count", [2_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_damaged_files_are_refused_or_read(files, count):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seen, read, slowest = set(), 0, 0.0
    for data in mutations.mutated(files, count):
        started = time.perf_counter()
        try:
            contents = file.split(data, "x.fpz", MOST_BYTES, with_rows=True)
            read += 1
            assert sum(each.values.nbytes for layer in contents.layers for each in layer) <= MOST_BYTES
        except InputError as error:
            seen.add(str(error).split(": ")[2][:30])
        slowest = max(slowest, time.perf_counter() - started)
    assert slowest < 30  # seconds, on a machine with other work: none goes on for ever
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150_000  # kilobytes
    assert len(seen) > 25  # kinds of messages: the files went wrong in many places
    assert read > count / 100


@pytest.mark.parametrize("count", [250, pytest.param(3_000, marks=pytest.mark.slow)])
def test_damaged_architectures_are_refused_or_built(files, count):
    """The JSON inside is damaged, too, not only the deflated bytes, which seldom are any JSON then."""
    import zlib

    from fpga_flow.storage import architecture

    rng, built = np.random.default_rng(5), 0
    whole = [mutations.bodies(data) for data in files[: len(nets.NETWORKS)]]
    texts = [zlib.decompressobj(-15, zdict=architecture._DICTIONARY).decompress(each[0][1:]) for each in whole]
    for _ in range(count):
        chosen, other = (int(each) for each in rng.integers(len(whole), size=2))
        deflate = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zdict=architecture._DICTIONARY)
        text = mutations.mutate(texts[chosen], texts[other], rng)
        body = whole[chosen][0][:1] + deflate.compress(text) + deflate.flush()
        try:
            contents = file.split(mutations.joined([body, *whole[chosen][1:]]), "x.fpz", MOST_BYTES)
            assert isinstance(building.build(contents, "x.fpz"), Network)
            built += 1
        except InputError:
            pass
    assert built


@pytest.mark.parametrize("count", [500, pytest.param(100_000, marks=pytest.mark.slow)])
def test_the_c_decoder_survives_them_and_agrees(files, count, dump_c):
    """What Python reads, C reads alike (it does not look at the architecture); what it refuses must not crash it."""
    agreed = 0
    for start in range(0, count, 2_000):
        batch = list(mutations.mutated(files, min(2_000, count - start), seed=7 + start))
        for data, got in zip(batch, dumped(dump_c, batch), strict=True):
            try:
                contents = file.split(data, "x.fpz", MOST_BYTES, with_rows=True)
            except InputError:
                continue
            if f",{UNSUPPORTED}," not in got:  # coded with ANS
                check_agrees(got, contents)
                agreed += 1
    assert agreed > count / 100
