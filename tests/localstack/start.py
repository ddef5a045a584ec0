#!/usr/bin/env python3
"""Start the LocalStack lane of migrate-infra's tests, without Docker. Standard library only, Python >= 3.11.

    python3 start.py --venv DIR --port PORT --state DIR [--ready-file FILE] [--die-with-parent]
    python3 start.py --venv DIR --install-only

The first form becomes the LocalStack process itself (exec): stop it with SIGTERM to its process id.
Exit codes before that: 2 wrong use, 3 no suitable Python, 4 the port is taken, 5 the installation failed.
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import glob
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import older_python

HERE = Path(__file__).resolve().parent
PLUGIN = HERE / "plugin"
WRONG_USE, NO_PYTHON, PORT_TAKEN, INSTALL_FAILED = 2, 3, 4, 5

LOCK = HERE / "requirements.lock"
PYTHONS = ((3, 13), (3, 12), (3, 11))  # the best one first

# Services that our plug-in serves or mends (PROVIDER_OVERRIDE_*), and those that LocalStack serves well by itself.
MENDED = (
    "application-autoscaling cloudwatch dms ec2 ecs elbv2 lambda rds resourcegroupstaggingapi route53 secretsmanager"
).split()
PLAIN = "acm iam kms logs s3 sns sts".split()


def main() -> None:
    args = parse_arguments()
    python = prepare_venv(args.venv.absolute(), args.python)
    if not args.install_only:
        if args.die_with_parent:
            die_with_parent()
        run(python, args.port, args.state.absolute(), args.ready_file and args.ready_file.absolute())


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", type=Path, required=True, help="virtual environment; made or renewed as needed")
    parser.add_argument("--python", help="the interpreter to make the environment with, if not the best one found")
    parser.add_argument("--install-only", action="store_true", help="prepare the virtual environment and stop there")
    parser.add_argument("--port", type=int, help="port on 127.0.0.1")
    parser.add_argument("--state", type=Path, help="directory for everything the server writes, with its log")
    parser.add_argument("--ready-file", type=Path, help="file to be written (process id) once requests are answered")
    parser.add_argument("--die-with-parent", action="store_true", help="end when the process that started this one ends")
    args = parser.parse_args()
    if not args.install_only and not (args.port and args.state):
        parser.error("--port and --state are needed to start the server")
    return args


def die_with_parent() -> None:
    """Ask the kernel for a SIGTERM when the parent dies, however it dies: no server outlives a killed test run."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGTERM, 0, 0, 0)


# --- the Python to use ---------------------------------------------------------------------------------------------


def find_python(chosen: str | None) -> tuple[str, tuple[int, int]]:
    """The best interpreter of this machine that LocalStack runs on and that can make virtual environments."""
    if chosen:
        match probe(chosen):
            case (version, True) if version in PYTHONS:
                return chosen, version
        fail(NO_PYTHON, f"{chosen} will not do: Python 3.13, 3.12 or 3.11 is needed, with venv and pip")
    without_venv = []
    for version in PYTHONS:
        name = f"python{version[0]}.{version[1]}"
        pyenv = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
        places = [shutil.which(name), *sorted(glob.glob(f"{pyenv}/versions/{name[6:]}.*/bin/python3"), reverse=True)]
        if sys.version_info[:2] == version:
            places.insert(0, sys.executable)
        if found := shutil.which("python3"):
            places.append(found)
        for place in filter(None, places):
            match probe(place):
                case (found_version, True) if found_version == version:
                    return place, version
                case (found_version, False) if found_version == version:
                    without_venv.append(place)
    message = ["No Python that LocalStack runs on was found: version 3.13, 3.12 or 3.11 is needed, with venv and pip."]
    for place in dict.fromkeys(without_venv):
        message.append(f"{place} would do but has no venv module: apt-get install python3-venv")
    message.append(
        "To install one: apt-get install python3 python3-venv (Debian 12, Ubuntu 24.04), or pyenv install 3.13"
    )
    fail(NO_PYTHON, "\n".join(message))


def probe(python: str) -> tuple[tuple[int, int], bool] | None:
    """Version of an interpreter, and whether it can make virtual environments; None when it does not run."""
    code = (
        "import sys, importlib.util as u; "
        "print(*sys.version_info[:2], int(all(map(u.find_spec, ('venv', 'ensurepip')))))"
    )
    try:
        done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True)
    except OSError:
        return None
    if done.returncode:
        return None  # for instance a pyenv shim of a version that is not switched on
    major, minor, able = map(int, done.stdout.split())
    return (major, minor), bool(able)


# --- the virtual environment ---------------------------------------------------------------------------------------


def prepare_venv(venv: Path, chosen: str | None) -> str:
    """Make or renew the virtual environment when its lock file or the plug-in changed; the path of its Python."""
    python = str(venv / "bin" / "python")
    venv.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{venv}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second start waits here until the first one has installed everything
        stamp = venv / "migrate-infra.stamp"
        packages, plugin = stamps()
        written = stamp.read_text().splitlines() if stamp.exists() else []
        had_packages, had_plugin, base = written if len(written) == 3 else ("", "", "")
        good = had_packages == packages and chosen in (None, base) and os.path.exists(python)
        if good and had_plugin == plugin:
            return python
        if not good:
            if venv.exists() and any(venv.iterdir()) and not (venv / "pyvenv.cfg").exists():
                fail(WRONG_USE, f"{venv} is not a virtual environment: it will not be replaced")
            base, version = find_python(chosen)
            shutil.rmtree(venv, ignore_errors=True)
            say(f"making {venv} with {base}; this takes about a minute")
            install([base, "-m", "venv", str(venv)])
            install([python, *PIP, "--no-deps", "-r", str(LOCK)])
            if version < (3, 13):
                older_python.rewrite(venv)
        stamp.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory() as copy:  # the build writes beside its sources
            source = shutil.copytree(PLUGIN, f"{copy}/plugin", ignore=shutil.ignore_patterns("__pycache__"))
            install([python, *PIP, "--no-build-isolation", "--no-deps", "--force-reinstall", str(source)])
        shutil.rmtree(venv / "cache", ignore_errors=True)  # plux's list of entry points lives there
        stamp.write_text(f"{packages}\n{plugin}\n{base}\n")
    return python


PIP = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]


def stamps() -> tuple[str, str]:
    """Hashes of what the virtual environment is made from: the lock file and the plug-in."""

    def digest(files: list[Path]) -> str:
        return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(files))).hexdigest()

    plugin = [f for f in PLUGIN.rglob("*") if f.suffix in (".py", ".toml")]
    return digest([LOCK, Path(older_python.__file__)]), digest(plugin)


def install(command: list[str]) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        fail(INSTALL_FAILED, f"{' '.join(command)} failed:\n{done.stdout[-4000:]}")


# --- the server ----------------------------------------------------------------------------------------------------


def run(python: str, port: int, state: Path, ready_file: Path | None) -> NoReturn:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError as error:
            fail(PORT_TAKEN, f"port {port} on 127.0.0.1 can't be used: {error.strerror}")
    venv = Path(python).parent.parent
    for folder in (state / "tmp", state / "home", state / "volume", state / "fs/var/lib/localstack", venv / "cache"):
        folder.mkdir(parents=True, exist_ok=True)
    # LocalStack's catalogue of all services takes seconds to make: keep it with the installation, not with the state.
    shared = state / "fs/var/lib/localstack/cache"
    if not shared.is_symlink():
        shared.symlink_to(venv / "cache")
    if ready_file:
        ready_file.unlink(missing_ok=True)
    environment = server_environment(venv, port, state, ready_file)
    say(f"starting LocalStack on 127.0.0.1:{port} (process {os.getpid()}), log in {state / 'localstack.log'}")
    log = os.open(state / "localstack.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(state)
    os.execve(python, [python, "-m", "localstack.runtime.main"], environment)


def server_environment(venv: Path, port: int, state: Path, ready_file: Path | None) -> dict[str, str]:
    """The whole environment of the server: nothing of the caller's (credentials, proxies) gets in."""
    environment = {
        "PATH": f"{venv}/bin:/usr/bin:/bin",
        "HOME": f"{state}/home",
        "TMPDIR": f"{state}/tmp",
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "XDG_CACHE_HOME": f"{venv}/cache",  # the index of entry points: made at the first start, kept for the next
        # where it listens, and what it writes
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "LOCALSTACK_HOST": f"127.0.0.1:{port}",
        "GATEWAY_SERVER": "loopback",  # our plug-in's: LocalStack's own listens on every interface
        "GATEWAY_WORKER_COUNT": "32",
        "FILESYSTEM_ROOT": f"{state}/fs",
        "LOCALSTACK_VOLUME_DIR": f"{state}/volume",
        "CONFIG_DIR": f"{state}/home/.localstack",
        # nothing goes out: no telemetry, no certificate download, no name server, no package downloads, no proxies
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DNS_ADDRESS": "0",
        "AWS_EC2_METADATA_DISABLED": "true",
        # no Docker, neither one of this machine nor around it (inside a container it would write to /var/lib and ping)
        "OVERRIDE_IN_DOCKER": "0",
        "DOCKER_HOST": f"unix://{state}/no-docker.sock",
        "DOCKER_BRIDGE_IP": "127.0.0.1",
        # quick start: a service is loaded at its first request, and only these exist
        "EAGER_SERVICE_LOADING": "0",
        "SERVICES": ",".join(MENDED + PLAIN),
        "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
        # AWS's managed policies can be attached to roles
        "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    }
    environment |= {f"PROVIDER_OVERRIDE_{s.upper().replace('-', '_')}": "mended" for s in MENDED}
    if ready_file:
        environment["MIGRATE_INFRA_READY_FILE"] = str(ready_file)
    return environment


def say(message: str) -> None:
    print(f"localstack lane: {message}", flush=True)


def fail(code: int, message: str) -> NoReturn:
    print(f"localstack lane: {message}", file=sys.stderr, flush=True)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
