"""Which pattern wins, and what unmatched ones say."""

from __future__ import annotations

import pytest

from fpga_flow.patterns import matching, specificity, unmatched


@pytest.mark.parametrize(
    "patterns",
    [
        ["*", "dense*", "dense_*", "dense_1"],
        ["[dc]*_1", "dense_?"],
        ["d*", "de*", "de"],
        ["[!x]*", "d?????_1*", "dense_1"],
    ],
)
def test_from_vague_to_specific(patterns: list[str]) -> None:
    assert sorted(patterns, key=specificity) == patterns


@pytest.mark.parametrize(
    ("patterns", "names", "found"),
    [
        ({"*": 1, "dense_1": 2, "dense*": 3}, ["dense_1"], [2, 3, 1]),
        ({"a*": 1, "*a": 2}, ["aa"], [2, 1]),  # of equals, the later one
        ({"*": 1, "conv*": 2}, ["dense_1"], [1]),
        ({"first": 1, "other": 2}, ["first", "other"], [1, 2]),  # of equals, the one for the earlier name
        ({"DENSE": 1}, ["dense"], []),
        ({}, ["dense"], []),
        ({"dense_[12]": 1, "dense_[!1]": 2}, ["dense_1"], [1]),
        ({"[": 1, "dense[": 2, "": 3}, ["dense"], []),
        ({"[": 1}, ["["], [1]),
    ],
)
def test_matching(patterns: dict[str, int], names: list[str], found: list[int]) -> None:
    assert matching(patterns, *names) == found


def test_unmatched() -> None:
    assert unmatched(["*", "dens_1", "conv*"], ["dense_1", "output"], "layer with weights") == {
        "dens_1": 'expected a pattern that matches a layer with weights, got "dens_1": did you mean "dense_1"?',
        "conv*": 'expected a pattern that matches a layer with weights, got "conv*": known are dense_1, output',
    }
    others = ["conv_1", "conv_2", "dense_1_relu"]
    found = unmatched(["conv*", "dense_1_relu", "dense_2"], ["dense_1"], "dense layer", others)
    assert [message.partition('": ')[2] for message in found.values()] == [
        "what it names exists, but is of another kind; known are dense_1",
        "what it names exists, but is of another kind; known are dense_1",
        'did you mean "dense_1"?',
    ]
    assert unmatched(["a"], []) == {"a": 'expected a pattern that matches a layer, got "a": none are known'}
