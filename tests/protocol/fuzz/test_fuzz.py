"""Parsers of what others send take it or raise PeerError, whatever it is.

``PPRL_FUZZ_SECONDS`` is shared out among the parsers, ``PPRL_FUZZ_SEED`` decides what is tried; the
input of a failure stays in a file whose name is printed.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pprl.errors import PeerError
from pprl_protocols import canonical
from pprl_protocols.agreement import Agreement
from pprl_protocols.audit.bundle import from_bytes
from pprl_protocols.card import Card
from pprl_protocols.envelope import open_envelope
from pprl_protocols.messages import parse_entry, parse_message
from pprl_protocols.spotcheck_files import Answer, Draw
from tests.protocol.fuzz.fuzzer import CORPUS, PARSERS, Mutator

SECONDS = float(os.environ.get("PPRL_FUZZ_SECONDS", "10"))
SEED = os.environ.get("PPRL_FUZZ_SEED", "1")
SHARE = dict.fromkeys(PARSERS, 1) | {
    "encodings": 3,
    "result": 3,
    "strata": 2,
    "transcript": 2,
    "sealed": 2,
}
ROOT = Path(__file__).parents[3]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
READERS = {
    "agreement": Agreement.from_bytes,
    "answer": Answer.from_bytes,
    "card": Card.from_bytes,
    "draw": Draw.from_bytes,
    "entry": parse_entry,
    "envelope": open_envelope,
    "export": from_bytes,
}


def fuzzed(parser, *options):
    return subprocess.run(
        [sys.executable, "-m", "tests.protocol.fuzz.fuzzer", parser, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS + 300,
        check=False,
    )


@pytest.mark.parametrize("parser", PARSERS)
def test_a_parser_raises_peer_errors_only(parser):
    keep = Path(tempfile.gettempdir()) / "pprl-fuzz"
    keep.mkdir(exist_ok=True)
    seconds = SECONDS * SHARE[parser] / sum(SHARE.values())
    done = fuzzed(parser, "--seconds", str(seconds), "--seed", SEED, "--keep", str(keep))
    place = keep / f"{parser}-{SEED}.failing"
    how = f"died of signal {-done.returncode}" if done.returncode < 0 else "failed"
    text = f"the parser of {parser} {how}; failing input: {place}\n{done.stdout}{done.stderr}"
    assert done.returncode == 0, text
    assert f"{parser}: " in done.stdout


def test_every_parser_takes_what_was_really_made():
    for parser, parse in PARSERS.items():
        for path in (CORPUS / parser).glob("valid.*"):
            parse(path)
    assert {path.name for path in CORPUS.iterdir() if path.is_dir()} == set(PARSERS)


def test_the_corpus_is_broken_where_it_says_so():
    good = {"valid", "batches"}
    for parser in set(PARSERS) - {"draft", "transcript", "export"}:
        for path in (CORPUS / parser).iterdir():
            nobody_has_a_filter = parser in {"encodings", "strata"} and path.stem == "nulls"
            if path.stem in good or path.stem.isdigit() or nobody_has_a_filter:
                continue
            with pytest.raises(PeerError):
                PARSERS[parser](path)


def test_the_same_seed_makes_the_same_inputs():
    for parser in ("envelope", "result"):
        first, again, other = (Mutator(parser, seed) for seed in (1, 1, 2))
        made = [first.next() for _ in range(20)]
        assert made == [again.next() for _ in range(20)]
        assert made != [other.next() for _ in range(20)]


def test_a_crash_is_a_failure_that_names_its_parser(tmp_path):
    """The harness itself: a file that makes the process die is seen."""
    failing = tmp_path / "input"
    failing.write_bytes(b"x")
    program = (
        "import os, signal, sys\n"
        "from tests.protocol.fuzz import fuzzer\n"
        "fuzzer.PARSERS['card'] = lambda path: os.kill(os.getpid(), signal.SIGSEGV)\n"
        f"sys.argv = ['fuzzer', 'card', '--file', {str(failing)!r}]\n"
        "sys.exit(fuzzer.main())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False)
    assert done.returncode == -11


@settings(max_examples=50)
@given(value=JSON)
@pytest.mark.parametrize("kind", READERS)
def test_any_json_is_refused_as_a_peers_fault(kind, value):
    try:
        data = canonical.dumps(value)
    except ValueError:
        return
    with pytest.raises(PeerError):
        READERS[kind](data)


@settings(max_examples=50)
@given(value=JSON)
def test_any_value_is_no_message(value):
    with pytest.raises(PeerError):
        parse_message(value)
