"""A made-up person to be searched for, and a folder in which nothing that was ever written is lost.

Every process that :class:`Watched` starts has its HOME, its temporary folder and its working folder
inside, keeps a copy of each file before it is removed, emptied or replaced, and leaves what it said
in files. :func:`leaks` then looks for the person in every form that a careless program might leave.
:class:`Run` is a run of four parties in such a folder, the person in both registers.
"""

import base64
import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pyarrow as pa

from pprl.lab.simulate import simulate

PPRL = Path(sys.executable).with_name("pprl")
NIK = "6408995503907713"
WORDS = ("Qirantizwa", "Belqhuma")
NAME = " ".join(WORDS)
OWN_IDS = ("KK-QX77-0042", "ART-QX88-0017")
PASSPHRASE = "belalang zamrud 4471"  # noqa: S105 - a canary too

HOOKS = """
import os, shutil, sys, threading

kept, state = os.environ["CANARY_KEPT"], threading.local()
number = iter(range(10**9))

def keep(path, folder=-1):
    if isinstance(path, int):
        return
    path = os.fsdecode(path)
    if folder not in (-1, None):
        path = f"/proc/self/fd/{folder}/{path}"
    if os.path.isfile(path) and not os.path.abspath(path).startswith(kept):
        shutil.copyfile(path, f"{kept}/{os.getpid()}-{next(number)}-{os.path.basename(path)}")

def watch(event, args):
    if getattr(state, "busy", False):
        return
    state.busy = True
    try:
        if event == "os.remove":
            keep(*args)
        elif event == "os.rename":
            keep(args[1], args[3])
        elif event == "open" and (args[2] or 0) & (os.O_RDWR | os.O_TRUNC):
            keep(args[0])
        elif event == "shutil.rmtree":
            for folder, _, files in os.walk(args[0]):
                for name in files:
                    keep(os.path.join(folder, name))
    except OSError:
        pass
    finally:
        state.busy = False

sys.addaudithook(watch)
exec(os.environ.get("CANARY_BREAK", ""))
"""

LOOP = """
import json, sys
from pprl_cli import main
for line in json.loads(sys.argv[1]):
    try:
        main.run(line)
    except SystemExit as end:
        print("exit code", end.code, flush=True)
"""


def _forms():
    """Yield what to look for: name of the form, bytes."""
    joined = "".join(WORDS)
    names = {NAME, joined, *WORDS}
    names |= {name.lower() for name in names} | {name.upper() for name in names}
    for text in (NIK, PASSPHRASE, *sorted(names)):
        for coding in ("utf-8", "utf-16-le", "utf-16-be"):
            yield f"{text} in {coding}", text.encode(coding)
        yield f"{text} in hexadecimal", text.encode().hex().encode()
        for shift in range(3):
            code = base64.b64encode(bytes(shift) + text.encode())
            yield f"{text} in base64 ({shift})", code[4 * bool(shift) : -4]
    for kind in "<q", ">q", "<d", ">d":
        yield f"NIK as {kind}", struct.pack(kind, int(NIK))
    for text in (NIK, NIK[:15], NAME, NAME.lower(), NAME.upper(), joined.lower(), NAME + NIK):
        for algorithm in ("md5", "sha1", "sha256", "sha512", "sha3_256", "blake2b", "blake2s"):
            digest = hashlib.new(algorithm, text.encode()).digest()
            # Cut, because tokens are.
            yield f"{algorithm} of {text}", digest[:8]
            yield f"{algorithm} of {text} in hexadecimal", digest.hex()[:12].encode()
            yield f"{algorithm} of {text} in HEXADECIMAL", digest.hex()[:12].upper().encode()
            yield f"{algorithm} of {text} in base64", base64.b64encode(digest[:9])
        for size in (8, 16, 32):
            digest = hashlib.blake2b(text.encode(), digest_size=size).digest()
            yield f"blake2b-{8 * size} of {text}", digest[:8]
            yield f"blake2b-{8 * size} of {text} in hexadecimal", digest.hex()[:12].encode()


FORMS = dict(_forms())
_ANY = re.compile(b"|".join(map(re.escape, sorted(set(FORMS.values())))), re.DOTALL)


def found_in(data, more=()):
    """Return the forms in which the person is in some bytes."""
    hits = set(_ANY.findall(data))
    return [form for form, needle in FORMS.items() if needle in hits] + [
        text for text in more if text.encode() in data
    ]


def leaks(folder, allowed=(), more=()):
    """Return ``(file, form)`` for every trace of the person below a folder, names included.

    ``allowed`` are files that the user has asked for; ``more`` further texts to look for.
    """
    skipped = {Path(each).resolve() for each in allowed}
    traces = []
    for path in sorted(folder.rglob("*")):
        where = path.relative_to(folder)
        traces += [(where, form) for form in found_in(os.fsencode(path.name), more)]
        if path.is_file() and path.resolve() not in skipped:
            data = path.read_bytes() + _arrow_cells(path)
            traces += [(where, form) for form in found_in(data, more)]
    return traces


def _arrow_cells(path):
    """Return the cells of an Arrow file as text: compressed or dictionary-coded ones too."""
    if path.read_bytes()[:6] != b"ARROW1":
        return b""
    try:
        table = pa.ipc.open_file(path).read_all()
    except pa.ArrowException:
        return b""  # not finished: its bytes were searched
    cells = [repr(column.unique().to_pylist()) for column in table.columns]
    return "\n".join([*cells, str(table.schema.metadata)]).encode()


class Watched:
    """A folder in which processes run, and in which everything stays that they wrote."""

    def __init__(self, folder):
        self.folder = folder
        self._said = 0
        for name in ("home", "temporary", "kept", "said", "hooks"):
            (folder / name).mkdir(exist_ok=True)
        (folder / "hooks" / "sitecustomize.py").write_text(HOOKS)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder / "home"),
            "CANARY_KEPT": str(folder / "kept"),
            "PYTHONPATH": str(folder / "hooks"),
            "PYTHONDONTWRITEBYTECODE": "1",
            **dict.fromkeys(("TMPDIR", "TMP", "TEMP", "XDG_RUNTIME_DIR"), f"{folder}/temporary"),
        }

    def start(self, *arguments, breaking="", command=None, **options):
        """Start ``pprl`` in the folder; what it says goes into files there."""
        self._said += 1
        said = [self.folder / "said" / f"{self._said}.{stream}" for stream in ("out", "err")]
        with said[0].open("wb") as out, said[1].open("wb") as err:
            process = subprocess.Popen(
                [*(command or [PPRL, "--lang", "en"]), *map(str, arguments)],
                cwd=self.folder,
                env=self.environment | {"CANARY_BREAK": breaking},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                **options,
            )
        process.said = said
        return process

    def pprl(self, *arguments, check=0, **options):
        """Run ``pprl`` in the folder; return what it said on stdout and stderr."""
        process = self.start(*arguments, **options)
        process.wait(timeout=300)
        out, err = (path.read_text(errors="replace") for path in process.said)
        if check is not None:
            assert process.returncode == check, (arguments, process.returncode, out, err)
        return out, err

    def session(self, *lines, breaking=""):
        """Run many command lines in one process; return the exit codes."""
        lines = [["--lang", "en", *map(str, line)] for line in lines]
        command = [sys.executable, "-c", LOOP, json.dumps(lines)]
        out, _ = self.pprl(command=command, breaking=breaking)
        return [int(code) for code in re.findall(r"^exit code (\d+)$", out, re.MULTILINE)]


ROLES = {"dinkes": "agency", "dinsos": "agency", "bps": "coordinator", "bpk": "auditor"}
AGENCIES = ("dinkes", "dinsos")
ROWS = (
    f"{OWN_IDS[0]};{NIK};{NAME};15-03-1990;P;640818\n",
    f"{OWN_IDS[1]},{NIK},{NAME.upper()},1990-03-15,PEREMPUAN,640818\n",
)


class Run(Watched):
    """A run of four parties on one machine, each command a command line of its own."""

    def __init__(self, folder):
        super().__init__(folder)
        self.registers = [folder / "data" / f"{name}.csv" for name in AGENCIES]
        self.overlaps = [folder / f"overlap-{name}.csv" for name in AGENCIES]

    @classmethod
    def make(cls, folder):
        """Make registers, homes, pins and an agreement that everybody has signed."""
        run = cls(folder)
        for name in ("homes", "passphrases", "exchange", "data"):
            (folder / name).mkdir()
        made = simulate([60, 80], overlap=0.5, damage="clean", seed=3, out=folder / "simulated")
        for path, row, register in zip(made.paths, ROWS, run.registers, strict=True):
            # In the middle: damage before and behind it is of interest.
            lines = path.read_text().splitlines(keepends=True)
            register.write_text("".join([*lines[:30], row, *lines[30:]]))
        shutil.rmtree(folder / "simulated")
        for name in ROLES:
            run.passphrase(name).write_text(PASSPHRASE)
            run.passphrase(name).chmod(0o600)
        run.all(
            *[
                run.line(name, "init", name, "--role", role, "--out", f"{name}.party.toml")
                for name, role in ROLES.items()
            ],
            *[run.line(name, "card") for name in ROLES],
        )
        given = [f"{name}.{ending}" for name in ROLES for ending in ("party.toml", "card.json")]
        answers = {
            "--purpose": "a test",
            "--legal-basis": "a test",
            "--dpia": "none",
            "--population": "Kutai Timur",
            "--max-records": "2000",
        }
        draft = ("agreement.toml", "--exchange", "exchange")
        run.all(
            *[run.trust(name, other) for name in ROLES for other in ROLES if other != name],
            ("agreement", "new", *given, *[word for each in answers.items() for word in each]),
            *[
                run.line(name, "agreement", "sign", *which, "--yes")
                for name, which in zip(ROLES, [draft, *[("--run", run.exchange)] * 3], strict=True)
            ],
        )
        return run

    def all(self, *lines):
        """Run command lines one after the other; all of them do what they should."""
        assert set(self.session(*lines)) == {0}, self.said()

    def said(self):
        """Return what the last process has said."""
        return [path.read_text() for path in sorted((self.folder / "said").iterdir())][-2:]

    @property
    def exchange(self):
        return self.folder / "exchange"

    def passphrase(self, name):
        return self.folder / "passphrases" / name

    def home(self, name):
        return self.folder / "homes" / name

    def trust(self, name, other):
        shown = (self.folder / f"{other}.party.toml").read_text()
        key = re.search(r'"([0-9a-f]{64})"', shown)[1]
        fingerprint = hashlib.sha256(bytes.fromhex(key)).hexdigest()
        line = ("trust", "add", f"{other}.party.toml", "--fingerprint", fingerprint)
        return (*line, "--home", self.home(name))

    def line(self, name, *line):
        return (*line, "--home", self.home(name), "--passphrase-file", self.passphrase(name))

    def turn(self, name, *line):
        return (*self.line(name, *line), "--run", self.exchange)

    def party(self, name, *line, **options):
        return self.pprl(*self.line(name, *line), **options)

    @property
    def inputs(self):
        """What the parties have put there themselves."""
        return [*self.registers, *map(self.passphrase, ROLES)]

    def copied(self, folder):
        """Return a run that goes on from here in another folder."""
        for name in ("homes", "passphrases", "exchange", "data"):
            shutil.copytree(self.folder / name, folder / name)
        return Run(folder)

    def leaks(self, *more_inputs):
        """Look for the person outside registers, and for own ids outside the own results."""
        inputs = [*self.inputs, *more_inputs]
        # A result is written beside its place first.
        results = [*self.folder.glob("overlap-*.csv"), *self.folder.glob("kept/*-overlap-*.csv")]
        return leaks(self.folder, inputs) + leaks(self.folder, [*inputs, *results], more=OWN_IDS)
