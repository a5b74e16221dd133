from __future__ import annotations

from fpga_flow.sweep.floor import Floor, floor


def test_nothing_is_hopeless_as_long_as_too_little_is_known() -> None:
    known = floor(0.9, [((0.5, 0.8, 0.9), 0.91)] * 4)
    assert known.hopeless((0.1, 0.1), 3) == ""


def test_a_training_that_would_need_more_than_any_has_won_is_hopeless() -> None:
    known = floor(0.9, [((0.5, 0.8, 0.9), 0.91), ((0.6, 0.9, 0.9), 0.9)] + [((0.7, 0.8, 0.9), 0.9)] * 3)
    assert known.gains == {3: (0.91 - 0.5, 0.91 - 0.8, 0.91 - 0.9)}
    assert known.hopeless((0.5,), 3) == ""  # as bad as one that came to 0.91
    assert known.hopeless((0.48,), 3) == (
        "after 1 of 3 epochs 48.00% of the validation samples were right; "
        "at most 89.50% could be expected, below 90.00%"
    )
    assert known.hopeless((0.48,), 4) == ""  # trainings of another length tell nothing
    assert known.hopeless((), 3) == ""


def test_an_epoch_more_than_is_known_is_gone_on_with() -> None:
    assert Floor(0.9, {2: (0.1, 0.0)}).hopeless((0.1, 0.1, 0.1), 2) == ""
