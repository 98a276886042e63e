"""The built wheel in a bare environment: what an agency installs."""

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A fresh environment with the pinned run-time wheels and our wheel, nothing else."""
    folder = tmp_path_factory.mktemp("bare")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*build, str(ROOT)], check=True, capture_output=True)
    venv.create(folder / "venv", with_pip=True)
    binaries = folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    pip = [str(binaries / "python"), "-m", "pip", "install", "--quiet", "--no-deps"]
    pins = ["--require-hashes", "-r", str(ROOT / "requirements/run.txt")]
    subprocess.run([*pip, *pins], check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True)
    return binaries


def run(command, *arguments, cwd):
    return subprocess.run(
        [str(command), *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False
    )


def test_help_runs_from_the_wheel(bare, tmp_path):
    done = run(bare / "pprl", "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Link registers without showing an identity." in done.stdout


def test_a_file_is_encoded_and_linked_from_the_wheel(bare, tmp_path):
    people = "id,nik,nama,tgl_lahir,jk\n1,6408995503909901,Siti Aminah,15-03-1990,P\n"
    (tmp_path / "a.csv").write_text(people)
    (tmp_path / "b.csv").write_text(people.replace("Siti Aminah", "ST. AMINAH"))
    assert run(bare / "pprl", "lab", "key", "--out", "k", cwd=tmp_path).returncode == 0
    for name in ("a", "b"):
        arguments = ("--secret-file", "k", "--out", f"{name}.arrow")
        done = run(bare / "pprl", "lab", "encode", f"{name}.csv", *arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    done = run(
        bare / "pprl", "lab", "link", "a.arrow", "b.arrow", "--out", "m.csv", "--json", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["groups"] == 1


def test_the_extra_for_old_partners_is_optional(bare, tmp_path):
    code = "import importlib.util as u; print(u.find_spec('clkhash'), u.find_spec('anonlink'))"
    assert run(bare / "python", "-c", code, cwd=tmp_path).stdout.split() == ["None", "None"]
