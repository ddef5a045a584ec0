"""Virtual environments with pinned packages, for the tools that the tests need. Standard library only."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PIP = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]

Version = tuple[int, int]


class InstallError(Exception):
    """A command of the installation failed."""


class NoPython(Exception):
    """This machine has no suitable interpreter."""


class NotAnEnvironment(Exception):
    """The directory exists and is not a virtual environment."""


def find_python(versions: tuple[Version, ...], chosen: str | None, purpose: str) -> tuple[str, Version]:
    """Returns the interpreter of the first of these versions that can create virtual environments."""
    names = [f"{major}.{minor}" for major, minor in versions]
    wanted = f"Python {', '.join(names[:-1])} or {names[-1]}"
    if chosen:
        match probe(chosen):
            case (version, True) if version in versions:
                return chosen, version
        raise NoPython(f"{chosen} is not suitable: {purpose} needs {wanted}, with venv and pip")
    without_venv = []
    pyenv = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    for version, name in zip(versions, names):
        candidates = [
            shutil.which(f"python{name}"),
            *sorted(glob.glob(f"{pyenv}/versions/{name}.*/bin/python3"), reverse=True),
            shutil.which("python3"),
        ]
        if sys.version_info[:2] == version:
            candidates.insert(0, sys.executable)
        for candidate in filter(None, candidates):
            match probe(candidate):
                case (found, True) if found == version:
                    return candidate, version
                case (found, False) if found == version:
                    without_venv.append(candidate)
    message = [f"no suitable Python was found: {purpose} needs {wanted}, with venv and pip"]
    for candidate in dict.fromkeys(without_venv):
        message.append(f"{candidate} is suitable, but it has no venv module: apt-get install python3-venv")
    message.append("to install one: apt-get install python3 python3-venv (Debian, Ubuntu), or pyenv install 3.13")
    raise NoPython("\n".join(message))


def probe(python: str) -> tuple[Version, bool] | None:
    """Returns the version of an interpreter, and whether it can create environments; None if it does not run."""
    code = (
        "import sys, importlib.util as u; "
        "print(*sys.version_info[:2], int(all(map(u.find_spec, ('venv', 'ensurepip')))))"
    )
    try:
        done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True)
    except OSError:
        return None
    if done.returncode:
        return None  # for example a pyenv shim of a version that is not active
    major, minor, able = map(int, done.stdout.split())
    return (major, minor), bool(able)


@contextlib.contextmanager
def locked(venv: Path) -> Iterator[None]:
    """Holds the lock of a virtual environment: a second process waits until the first one has installed everything."""
    venv.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{venv}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def create(venv: Path, base: str) -> str:
    """Replaces a virtual environment by an empty one, and returns the path of its Python."""
    if venv.exists() and any(venv.iterdir()) and not (venv / "pyvenv.cfg").exists():
        raise NotAnEnvironment(f"{venv} is not a virtual environment: it is not replaced")
    shutil.rmtree(venv, ignore_errors=True)
    run([base, "-m", "venv", str(venv)])
    return python_of(venv)


def python_of(venv: Path) -> str:
    return str(venv / "bin" / "python")


def digest(files: list[Path]) -> str:
    """Returns a hash of the content of files."""
    return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(files))).hexdigest()


def run(command: list[str]) -> None:
    """Runs a command of the installation without the caller's Python settings."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise InstallError(f"{' '.join(command)} failed:\n{done.stdout[-4000:]}")
