"""Small registers: one pair in a few hundred is a match, so a random sample holds some."""

import numpy as np
import pytest

import pprl
from pprl.encoded import EncodedSet
from pprl.lab.simulate import simulate


@pytest.mark.parametrize(("sizes", "least"), [((400, 500), 190), ((150, 200), 65)])
def test_the_order_of_records_does_not_decide_what_is_found(tmp_path, sizes, least):
    made = simulate(list(sizes), overlap=0.5, damage="clean", seed=3, out=tmp_path)
    schema, key = pprl.Schema.load("indonesia"), pprl.LinkageKey(b"k" * 32)
    sets = [pprl.encode(path, schema, key) for path in made.paths]
    found = []
    for seed in range(8):
        draw = np.random.default_rng(seed)
        shuffled = [
            EncodedSet(each.header, each.table.take(draw.permutation(len(each)))) for each in sets
        ]
        found.append(pprl.link(shuffled, target_precision=0.95, seed=1).info.groups)
    assert min(found) >= least, found
    assert max(found) <= sizes[0] // 2 + 2
