"""Run all benchmarks and print their tables: ``make bench``."""

import platform
import subprocess
import sys
from pathlib import Path

if __name__ == "__main__":
    print(f"Python {platform.python_version()}, {platform.machine()}, {platform.platform()}")
    for script in sorted(Path(__file__).parent.glob("bench_*.py")):
        print(f"\n== {script.stem}", flush=True)
        subprocess.run([sys.executable, str(script)], check=True)
