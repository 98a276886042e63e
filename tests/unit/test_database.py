"""The scratch database: how it fails, and what it leaves."""

import signal
import tempfile
import threading

import pytest

from pprl.database import scratch_database
from pprl.errors import LimitError

# A few seconds of work. DuckDB 2.0 doesn't always look for Ctrl-C before a query is done (never
# inside a plain scan, however long); Python raises it afterwards.
ENDLESS = (
    "SELECT count(*) FROM range(1000000) a JOIN range(1000000) b"
    " ON a.range * 7 % 1000 = b.range % 1000"
)


def test_ctrl_c_during_a_query_is_an_interrupt_and_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ctrl_c = threading.Timer(0.5, signal.raise_signal, [signal.SIGINT])
    ctrl_c.start()
    with (
        pytest.raises(KeyboardInterrupt),
        scratch_database(out_of_memory="evaluate.memory") as database,
    ):
        database.execute(ENDLESS).fetchone()
    ctrl_c.join()
    assert list(tmp_path.iterdir()) == []


def crowd(code):
    with scratch_database(out_of_memory=code) as database:
        database.execute("SET memory_limit = '1MB'")
        database.execute("SET max_temp_directory_size = '0KB'")
        database.execute("SELECT list(range) FROM range(10000000)").fetchone()


def fail():
    with scratch_database(out_of_memory="evaluate.memory"):
        message = "elsewhere"
        raise RuntimeError(message)


def test_too_little_memory_is_a_limit_with_the_code_asked_for():
    with pytest.raises(LimitError) as caught:
        crowd("evaluate.memory")
    assert caught.value.code == "evaluate.memory"
    assert caught.value.__suppress_context__


def test_another_failure_is_not_taken_for_an_interrupt():
    with pytest.raises(RuntimeError, match="elsewhere"):
        fail()
