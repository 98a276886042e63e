"""Build the wheel and look inside: exactly the three packages, their data files and licences."""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = {"pprl": ROOT / "pprl", "pprl_cli": ROOT / "cli/pprl_cli"}
PACKAGES["pprl_protocols"] = ROOT / "protocols/pprl_protocols"


def main() -> None:
    """Exit with a message when the wheel isn't what it should be."""
    with tempfile.TemporaryDirectory() as folder:
        build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder]
        subprocess.run([*build, str(ROOT)], check=True, stdout=subprocess.DEVNULL)
        (wheel,) = Path(folder).glob("*.whl")
        inspector = Path(sys.executable).with_name("check-wheel-contents")
        subprocess.run([inspector, "--config", ROOT / "pyproject.toml", wheel], check=True)
        inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    expected = {
        f"{package}/{path.relative_to(folder).as_posix()}"
        for package, folder in PACKAGES.items()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    if inside != expected:
        sys.exit(f"wheel and tree differ: {sorted(inside ^ expected)}")
    print(f"wheel: {len(inside)} files, as in the tree")


if __name__ == "__main__":
    main()
