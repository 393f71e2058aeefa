# SPDX-License-Identifier: ISC
"""The flock comes back by the rules of the reference client: the numbers are
those of client_rules.js."""
import pytest

from flock import TOLD_MAX_S, Rules


def waits(rules, count, **end):
    return [rules.wait(chance=0.5, **end) for _ in range(count)]


def test_doubles_up_to_the_cap():
    assert waits(Rules(base=1, cap=10), 6) == [1, 2, 4, 8, 10, 10]
    rules = Rules()
    assert rules.wait(chance=0) == pytest.approx(0.8)
    assert rules.wait(chance=1) == pytest.approx(2.4)
    rules.attempt = 10 ** 9
    assert rules.wait(chance=0) == pytest.approx(48)


def test_an_opening_is_no_success():
    rules = Rules(stable=30)
    assert waits(rules, 3, lasted=29.9) == [1, 2, 4]
    assert waits(rules, 2, lasted=30) == [1, 1]


def test_as_told_but_not_without_a_back_off():
    rules = Rules(stable=30)
    rules.attempt = 3
    assert rules.wait(30, told=4.321) == 4.321
    assert rules.wait(30, told=0) == 0 and rules.attempt == 0
    assert waits(rules, 3, lasted=29.9, told=0) == [1, 2, 4]
    assert waits(rules, 1, told=20) == [20]
    assert waits(rules, 1, told=0.1) == [16]
    assert waits(rules, 1, told=1e9) == [TOLD_MAX_S]
