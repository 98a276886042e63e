import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from pprl.disclose.counts import CrossTable
from pprl.disclose.noise import Stream, discrete_laplace, with_noise
from pprl.disclose.places import Places
from pprl.disclose.published import Rule
from pprl.disclose.shape import Shape
from pprl.disclose.suppression import suppress
from pprl.errors import ConfigError

SEED = bytes(range(32))


def suppressed(rule=None, changed=0):
    shape = Shape(place="village", levels=(1,), known={})
    places = Places.of("abcd", (1,))
    kinds = np.array([(0, 0, 0), (4, 50, 60), (40 + changed, 80, 90), (55, 60, 70), (300, 100, 99)])
    return suppress(CrossTable(shape, places, places.summed(kinds)), rule)


@pytest.mark.parametrize("scale", [Fraction(1, 2), Fraction(3), Fraction(7, 2)])
def test_draws_are_distributed_as_the_formula_says(scale):
    stream = Stream(SEED, "test")
    n_draws = 20_000
    drawn = Counter(discrete_laplace(stream, scale) for _ in range(n_draws))
    decay = math.exp(-1 / scale)
    expected = {k: (1 - decay) / (1 + decay) * decay ** abs(k) * n_draws for k in range(-30, 31)}
    frequent = [k for k, n in expected.items() if n >= 10]
    chi_square = sum((drawn[k] - expected[k]) ** 2 / expected[k] for k in frequent)
    degrees = len(frequent)
    assert chi_square < degrees + 4 * math.sqrt(2 * degrees)


def test_uniform_draws_cover_their_range_evenly():
    stream = Stream(SEED, "uniform")
    drawn = Counter(stream.below(5) for _ in range(10_000))
    assert sorted(drawn) == [0, 1, 2, 3, 4]
    assert all(abs(n - 2_000) < 200 for n in drawn.values())
    assert stream.below(1) == 0
    assert stream.below(2**300) > 2**250


def test_the_stream_is_hmac_sha256_in_counter_mode():
    # Worked out once with another HMAC implementation; a change of it makes other noise of a seed.
    assert f"{Stream(bytes(32), 'x').below(1 << 256):064x}" == (
        "91d3c0ad375e65030f38afb6e02b43cdb9241654edb0b6f97d5547974b1d4d4a"
    )


def test_the_same_seed_makes_the_same_noise_and_another_seed_another():
    one, again = (with_noise(suppressed(), SEED, Fraction(5)) for _ in range(2))
    assert one.equals(again)
    assert not one.equals(with_noise(suppressed(), bytes(32), Fraction(5)))


def test_noise_of_a_cell_depends_on_nothing_but_seed_and_cell():
    one = with_noise(suppressed(), SEED, Fraction(5))["count"].to_pylist()
    other = with_noise(suppressed(changed=3), SEED, Fraction(5))["count"].to_pylist()
    differences = [b - a for a, b in zip(one, other, strict=True) if None not in (a, b)]
    assert set(differences) == {0, 3}


def test_hidden_cells_stay_hidden_and_no_count_falls_below_the_minimum():
    hiding = suppressed()
    plain = hiding.published().to_arrow()
    for number in range(20):
        noisy = with_noise(hiding, bytes([number] * 32), Fraction(40))
        assert noisy.drop_columns("count").equals(plain.drop_columns("count"))
        assert noisy["count"].is_null().equals(plain["count"].is_null())
        assert min(noisy["count"].drop_null().to_pylist()) >= 10


def test_noise_is_rounded_as_the_rule_says():
    noisy = with_noise(suppressed(Rule(10, 10)), SEED, Fraction(9))
    assert {value % 10 for value in noisy["count"].drop_null().to_pylist()} == {0}


@pytest.mark.parametrize("scale", [Fraction(0), Fraction(-1), Fraction(10**7), Fraction(1, 10**7)])
def test_a_scale_out_of_bounds_is_refused(scale):
    with pytest.raises(ConfigError) as error:
        with_noise(suppressed(), SEED, scale)
    assert error.value.code == "disclose.scale"


def test_noise_on_shown_zeros_is_refused():
    with pytest.raises(ConfigError) as error:
        with_noise(suppressed(Rule(zeros="show")), SEED, Fraction(5))
    assert error.value.code == "disclose.noise_zeros"


def test_a_seed_has_32_bytes():
    with pytest.raises(ValueError, match="32"):
        Stream(b"short", "x")
