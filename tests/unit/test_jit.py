"""Where compiled code is kept: found anew when a kernel changes, never a reason to fail."""

import subprocess
import sys
from pathlib import Path

import pytest

from pprl import _jit

CODE = "import pprl._jit as jit; print(jit._FOLDER)"


def folder(cwd, **environment):
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=cwd,
        env={"PATH": "/usr/bin", "HOME": str(cwd), "PYTHONPATH": str(cwd), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def copy(tmp_path):
    """A small package with the real module and one kernel file."""
    package = tmp_path / "pprl"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "_jit.py").write_bytes(Path(_jit.__file__).read_bytes())
    (package / "kernel.py").write_text("from pprl._jit import compiled\n")
    (package / "other.py").write_text("")
    return tmp_path


def test_a_changed_kernel_starts_a_new_folder_and_removes_the_old_one(copy):
    first = folder(copy)
    assert folder(copy) == first
    (copy / "pprl/other.py").write_text("# no kernel\n")
    assert folder(copy) == first
    (copy / "pprl/kernel.py").write_text("from pprl._jit import compiled  # changed\n")
    second = folder(copy)
    assert second != first
    assert not Path(first).exists()
    assert Path(second).is_dir()


def test_a_changed_constant_that_a_kernel_imports_starts_a_new_folder(copy):
    (copy / "pprl/sizes.py").write_text("LANES = 64\n")
    kernel = copy / "pprl/kernel.py"
    kernel.write_text("from pprl._jit import compiled\nfrom pprl.sizes import LANES\n")
    first = folder(copy)
    (copy / "pprl/sizes.py").write_text("LANES = 32\n")
    assert folder(copy) != first


def test_the_folder_is_where_numba_is_told_to_keep_its_code(copy):
    assert Path(folder(copy, NUMBA_CACHE_DIR=str(copy / "here"))).parent == copy / "here"


def test_no_place_to_write_is_no_error(copy):
    (copy / "blocked").write_text("a file, not a folder")
    assert folder(copy, NUMBA_CACHE_DIR=str(copy / "blocked")) == "None"
