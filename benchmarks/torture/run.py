"""Everything that takes long to prove, one after the other; every zero is printed beside its N. Exit 1 if any fails.

Run: make torture            (hours; 10,000 sequences, 200 kills, 10,000 API calls and 10,000 worlds of leaks
                         on each database, 500 power cuts, and the code broken on purpose, one wall at a time)
     make torture TORTURE=quick   (minutes; a hundredth of it)
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "scripts"))

from private_postgres import binaries  # noqa: E402 - found by the line above

FULL = {
    "sequences.py": 10_000,
    "kill.py": 200,
    "power.py": 500,
    "schema.py": 10_000,
    "leaks.py": 10_000,
    "mutants.py": 200,
}
ON_BOTH = {"sequences.py", "kill.py", "schema.py", "leaks.py"}
FEWEST = {"mutants.py": 40}
"""In fewer worlds than so many a wall that is down may go unnoticed by chance."""


def main() -> int:
    share = 100 if sys.argv[1:] == ["quick"] else 1
    databases = ["sqlite", "postgresql"] if binaries() else ["sqlite"]
    failed = 0
    for name, times in FULL.items():
        for database in databases if name in ON_BOTH else databases[:1]:
            print(f"== {name} on {database}", flush=True)
            command = [
                sys.executable,
                str(HERE / name),
                str(max(FEWEST.get(name, 2), times // share)),
                *([database] * (name in ON_BOTH)),
            ]
            failed += subprocess.run(command, check=False).returncode != 0
    if len(databases) == 1:
        print("left out: PostgreSQL's programs were not found (apt install postgresql)")
    return int(failed != 0)


if __name__ == "__main__":
    sys.exit(main())
