"""A made-up person is put into inputs, and found nowhere else, whatever happens on the way."""

import base64
import hashlib
import json
import re
import resource
import signal
import struct
import time

import pyarrow as pa
import pytest
import xlsxwriter

from pprl.errors import ConfigError
from pprl_protocols.home import Home
from tests.cli.canaries import (
    AGENCIES,
    NAME,
    NIK,
    OWN_IDS,
    PASSPHRASE,
    ROLES,
    ROWS,
    WORDS,
    Run,
    Watched,
    found_in,
    leaks,
)


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    return Run.make(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def closed(signed, tmp_path_factory):
    """A whole run, each turn a process of its own."""
    run = signed.copied(tmp_path_factory.mktemp("closed"))
    for name, register in zip(AGENCIES, run.registers, strict=True):
        run.pprl(*run.turn(name, "encode", register, "--json"))
    run.pprl(*run.turn("bps", "link", "--json"))
    for name, overlap in zip(AGENCIES, run.overlaps, strict=True):
        run.pprl(*run.turn(name, "receive", "--out", overlap, "--json"))
    out, _ = run.pprl(*run.turn("bps", "close", "--json"))
    told = ("--digest", json.loads(out)["transcript"])
    run.all(
        *[("check", path, "--rows", f"{path.stem}-rows.csv") for path in run.registers],
        *[run.turn(name, "close", *told, "--json") for name in AGENCIES],
        *[
            ("status", "--run", run.exchange, "--home", run.home(name), *form)
            for name in ROLES
            for form in ((), ("--json",))
        ],
    )
    pins = ("--trust", run.home("bpk") / "pins.toml")
    draw = ("draw", run.exchange, "--agency", "dinkes", "--k", "20", "--out", "draw.json")
    answer = ("draw.json", run.registers[0], "--out", "answer.json", "--rows", "overlap-drawn.csv")
    run.all(
        run.line("bpk", "spotcheck", *draw),
        run.turn("dinkes", "spotcheck", "answer", *answer),
        ("spotcheck", "verify", "answer.json", "--draw", "draw.json", "--run", run.exchange, *pins),
    )
    page = ("--html", "audit.html", "--export", "export.json", "--json")
    run.all(("audit", run.exchange, *pins, *page), ("audit", "export.json", *pins))
    return run


@pytest.fixture
def run(signed, closed, tmp_path):  # noqa: ARG001 - the whole run has compiled what is compiled
    return signed.copied(tmp_path)


@pytest.mark.parametrize(
    "planted",
    [
        f"row 17: {NIK}".encode(),
        WORDS[1].upper().encode("utf-16-le"),
        hashlib.sha1(NIK.encode()).hexdigest().encode(),  # noqa: S324 - what must not be there
        hashlib.sha256(NAME.lower().encode()).digest()[:16],
        hashlib.blake2b(NIK.encode(), digest_size=16).digest(),
        base64.b64encode(b"x" + NIK.encode() + b"y"),
        struct.pack("<q", int(NIK)),
        struct.pack("<d", float(NIK)),
    ],
)
def test_the_search_finds_what_is_there(tmp_path, planted):
    (tmp_path / "log").write_bytes(b"before " + planted + b" after")
    assert leaks(tmp_path)
    assert not leaks(tmp_path, allowed=[tmp_path / "log"])


def test_the_search_reads_arrow_files_and_names_of_files(tmp_path):
    table = pa.table({"a": pa.array([NIK] * 9).dictionary_encode()})
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(tmp_path / "table", table.schema, options=options) as writer:
        writer.write_table(table)
    (tmp_path / f"{NIK}.txt").touch()
    assert {str(path) for path, _ in leaks(tmp_path)} == {"table", f"{NIK}.txt"}


def test_the_watch_keeps_what_a_process_removes_or_empties(tmp_path):
    watched = Watched(tmp_path)
    watched.pprl(
        "--version",
        breaking=f"open('gone', 'w').write('{NIK}'); os.remove('gone')\n"
        f"open('empty', 'w').write('{NAME}'); open('empty', 'w').close()",
    )
    assert {path.parts[0] for path, _ in leaks(tmp_path)} == {"kept"}
    assert len({path for path, _ in leaks(tmp_path)}) == 2


def test_after_a_whole_run_the_person_is_in_the_inputs_alone(closed):
    assert closed.leaks() == []


def test_a_result_has_own_ids_and_no_number_or_name(closed):
    for place, overlap in enumerate(closed.overlaps):
        data = overlap.read_bytes()
        assert found_in(data) == []
        assert OWN_IDS[1 - place].encode() not in data
        (row,) = (line for line in data.decode().splitlines() if OWN_IDS[place] in line)
        assert "none" not in row  # the person is in both registers, and was found


def test_the_keys_of_a_run_are_nowhere_in_the_clear(closed):
    secrets = set()
    for name in ROLES:
        vault = Home.open(closed.home(name), PASSPHRASE.encode()).vault
        for path in (closed.home(name) / "secrets").iterdir():
            try:
                value = vault.get(path.name)
            except ConfigError:
                continue  # a stream: pseudo-IDs
            secrets |= {value[:32], value[:32].hex().encode()}
            secrets |= {
                one
                for each in re.findall(rb"[0-9a-f]{64}", value)
                for one in (each, bytes.fromhex(each.decode()))
            }
    assert len(secrets) > 10
    for path in closed.folder.rglob("*"):
        # A draw reveals the auditor's nonce: that is what it is for.
        if path.is_file() and not path.name.endswith("draw.json"):
            data = path.read_bytes()
            assert not [path for secret in secrets if len(secret) > 15 and secret in data]


# Inputs that are wrong, each in one way, with the person where it hurts.
DAMAGE = {
    "a cell too many": lambda text: text.replace("15-03-1990", f"15-03-1990;{NIK}"),
    "a quote that never ends": lambda text: text.replace(NAME, f'"{NAME}'),
    "bytes of no encoding": lambda text: text.replace("P;640818", "\udcff\udc80P;640818"),
    "ids that repeat": lambda text: text + ROWS[0],
    "numbers as ids": lambda text: re.sub(r"(?m)^[^;\n]+;(\d{16})", r"\1;\1", text),
    "numbers as ids, one repeated": lambda text: re.sub(
        r"(?m)^[^;\n]+;(\d{16})", r"\1;\1", text + ROWS[0]
    ),
    "one number among the ids, repeated": lambda text: (text + ROWS[0]).replace(OWN_IDS[0], NIK),
    "number and name exchanged": lambda text: text.replace(f"{NIK};{NAME}", f"{NAME};{NIK}"),
    "the number as date, the name as sex": lambda text: text.replace(
        "15-03-1990;P", f"{NIK};{NAME}"
    ),
    "no header": lambda text: ROWS[0] + text.partition("\n")[2],
    "an id that is missing": lambda text: text.replace(OWN_IDS[0], ""),
}
STILL_READ = {
    "bytes of no encoding",  # every byte is a letter in some encoding of Windows
    "number and name exchanged",
    "the number as date, the name as sex",
}


def workbook(path, text):
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("KRS")
        for number, line in enumerate(text.splitlines()):
            sheet.write_row(number, 0, line.split(";"))
    return path.read_bytes()


def test_a_damaged_register_shows_nobody(run):
    text = run.registers[0].read_text()
    inputs = {kind: run.folder / "data" / f"{place}.csv" for place, kind in enumerate(DAMAGE)}
    for kind, path in inputs.items():
        path.write_bytes(DAMAGE[kind](text).encode(errors="surrogateescape"))
    for kind in ("cut short", "changed"):
        inputs[kind] = path = run.folder / "data" / f"{kind}.xlsx"
        data = workbook(path, text)
        third = len(data) // 3
        path.write_bytes(
            data[:-200] if kind == "cut short" else data[:third] + bytes(40) + data[third + 40 :]
        )
    lines = [
        line
        for place, path in enumerate(inputs.values())
        for line in (
            ("check", path, "--rows", f"rows-{place}.csv"),
            ("check", path, "--json"),
            run.turn("dinkes", "encode", path, "--dry-run"),
        )
    ]
    codes = run.session(*lines)
    assert run.leaks(*inputs.values()) == []
    for kind, code in zip(inputs, codes[2::3], strict=True):
        assert code in ({0} if kind in STILL_READ else {2, 3}), kind
    assert set(codes) <= {0, 2, 3}


def test_a_register_in_the_place_of_any_other_file_shows_nobody(run):
    text = run.registers[0].read_text()
    toml = f'"{NIK}" = "{NAME}"\n[{WORDS[0]}]\n{WORDS[1]} = {NIK}\n{WORDS[1]} = 1\n'
    json = f'{{"{NAME}": {NIK}, "version": 1, "run": "{NIK}", "party": "{NAME}"}}'
    csv, arrow, party, card, pins, book = files = [
        run.folder / "data" / name
        for name in ("r.csv", "r.arrow", "r.party.toml", "r.card.json", "r.toml", "r.json")
    ]
    for path, content in zip(files, (text, text, toml, json, toml, json), strict=True):
        path.write_text(content)
        path.chmod(0o600)
    encode = ("lab", "encode", run.registers[0], "--out", "lab.arrow", "--force")
    lines = [
        *[("agreement", "show", path) for path in (csv, party, book, arrow)],
        *[("agreement", "verify", path, "--home", run.home("bpk")) for path in (csv, pins, book)],
        run.line("bps", "agreement", "sign", csv, "--exchange", "exchange", "--yes"),
        run.line("bps", "agreement", "sign", pins, "--exchange", "exchange", "--yes"),
        ("agreement", "new", party, card, "--out", "draft.toml"),
        ("agreement", "new", csv, card, "--out", "draft.toml"),
        *[("trust", "add", path, "--fingerprint", "00" * 32) for path in (csv, party, book)],
        *[("trust", "list", "--pins", path) for path in (csv, pins, book)],
        *[("status", "--run", path, "--home", run.home("bpk")) for path in (csv, book)],
        ("sync", csv, run.exchange),
        *[("audit", path) for path in (csv, pins, book)],
        ("audit", run.exchange, "--trust", pins),
        *[
            run.turn("dinkes", "spotcheck", "answer", path, csv, "--out", "a.json")
            for path in (csv, book)
        ],
        *[
            ("spotcheck", "verify", path, "--draw", book, "--run", run.exchange)
            for path in (csv, book)
        ],
        (*run.turn("dinkes", "encode", csv, "--dry-run")[:-3], csv, "--run", run.exchange),
        ("lab", "link", csv, csv, "--out", "m.csv"),
        ("lab", "link", arrow, arrow, "--out", "m.csv"),
        ("lab", "link", book, book, "--out", "m.csv"),
        ("lab", "threshold", arrow, arrow),
        ("lab", "evaluate", csv, "--truth", csv),
        ("lab", "schema", "show", csv),
        *[(*encode, "--secret-file", csv, "--schema", path) for path in (csv, pins, book)],
        ("check", arrow),
        ("check", book),
    ]
    codes = run.session(*lines)
    assert run.leaks(*files) == []
    wrong = [line for line, code in zip(lines, codes, strict=True) if code not in {2, 3, 4, 7}]
    assert wrong == []


# What may be raised where nobody expects it, with the person in its message.
BUGS = [
    f"ValueError('{NIK} {NAME}')",
    f"KeyError('{NAME}')",
    f"UnicodeDecodeError('utf-8', b'{NAME}', 0, 1, '{NIK}')",
    f"OSError(5, '{NAME}', '{NIK}')",
    f"ExceptionGroup('{NIK}', [ValueError('{NAME}')])",
    f"type('PanicException', (BaseException,), {{}})('{NAME}')",
    f"type('Shown', (Exception,), {{'show': lambda self: print('{NAME}')}})('{NIK}')",
    f"SystemExit('{NIK}')",
    f"pa.ArrowInvalid('{NIK}')",
    f"RecursionError('{NAME}')",
]
# In a thread, over one chunk; and in the main thread, when everything is in memory.
PLACES = ("pprl.encode.encoder.Encoder.encode", "pprl_protocols.session.Session.say")


@pytest.mark.parametrize(("place", "bugs"), [(PLACES[0], BUGS), (PLACES[1], BUGS[:2])])
def test_no_message_of_a_foreign_error_is_shown(run, place, bugs):
    module, kind, name = place.rsplit(".", 2)
    code = (
        "import importlib, pyarrow as pa\n"
        f"module = importlib.import_module('{module}')\n"
        f"errors = iter([{', '.join(bugs)}])\n"
        "def broken(*cells, **more):\n"
        "    raise next(errors)\n"
        f"module.{kind}.{name} = broken\n"
    )
    line = run.turn("dinkes", "encode", run.registers[0], "--threads", "1")
    codes = run.session(*[line] * len(bugs), breaking=code)
    assert run.leaks() == []
    assert set(codes) <= {1, 141}
    assert codes.count(1) >= len(bugs) - 1


ASIDE = f"""
import atexit, importlib, logging, threading, warnings

module = importlib.import_module("pprl.encode.encoder")

def fails(*_):
    raise ValueError("{NIK} {NAME}")

class Falls:
    __del__ = fails

def loud(self, batch, whole=module.Encoder.encode):
    Falls()
    logging.getLogger("library").critical("{NAME}")
    warnings.warn("{NIK}")
    thread = threading.Thread(target=fails)
    thread.start()
    thread.join()
    return whole(self, batch)

module.Encoder.encode = loud
atexit.register(fails)
"""


def test_errors_beside_the_command_are_reported_without_their_messages(run):
    line = run.turn("dinkes", "encode", run.registers[0], "--dry-run")
    _, err = run.pprl(*line, breaking=ASIDE)
    assert err.count("internal error (ValueError)") == 3
    assert run.leaks() == []


PAUSE = """
import importlib, pathlib, time

def pause(*_, **__):
    pathlib.Path("ready").touch()
    time.sleep(100)

importlib.import_module("pprl.encode.pipeline").MEMORY_BYTES = 0
"""


# In the midst of the chunks, which are in a file when memory is short; and before sealing.
PAUSES = {
    "SIGKILL": 'importlib.import_module("pprl.encode.pipeline")._Register.too_common = pause',
    "SIGINT": 'importlib.import_module("pprl_protocols.roles.blobs").seal_file = pause',
    "SIGABRT": 'importlib.import_module("pprl_protocols.roles.blobs").seal_file = pause',
}


@pytest.mark.parametrize("name", PAUSES)
def test_a_process_that_is_stopped_leaves_nobody_behind(run, name):
    def with_core():
        resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)

    line = run.turn("dinkes", "encode", run.registers[0])
    process = run.start(*line, breaking=PAUSE + PAUSES[name], preexec_fn=with_core)
    while not (run.folder / "ready").exists():
        assert process.poll() is None, process.said[1].read_text()
        time.sleep(0.02)
    left = list(run.folder.glob("homes/dinkes/runs/*/work-*"))
    process.send_signal(getattr(signal, name))
    assert process.wait(timeout=60) in {130, -signal.SIGKILL, -signal.SIGABRT}
    assert left  # it was at work
    assert list(run.folder.glob("core*")) == []
    assert leaks(run.folder, run.inputs) == []
    run.pprl(*line)  # wipes what is left, and finishes
    assert list(run.folder.rglob("work-*")) == []
    assert leaks(run.folder, run.inputs) == []


def test_a_full_disk_leaves_nobody_behind(run):
    def full():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))

    line = run.turn("dinkes", "encode", run.registers[0])
    _, err = run.pprl(*line, check=5, preexec_fn=full)
    assert "disk is full" in err
    assert run.leaks() == []
    run.pprl(*line)
