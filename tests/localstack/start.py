#!/usr/bin/env python3
"""Start the LocalStack lane of migrate-infra's tests, without Docker. Standard library only, Python >= 3.11.

    python3 start.py --venv DIR --port PORT --state DIR [--ready-file FILE] [--die-with-parent]
    python3 start.py --venv DIR --install-only

The first form becomes the LocalStack process itself (exec). To stop it, send SIGTERM to its process id.
Exit codes before that: 2 wrong usage, 3 no suitable Python, 4 the port is taken, 5 the installation failed.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import shutil
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import older_python

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "python"))

import virtual_environment  # noqa: E402

PLUGIN = HERE / "plugin"
WRONG_USE, NO_PYTHON, PORT_TAKEN, INSTALL_FAILED = 2, 3, 4, 5

LOCK = HERE / "requirements.lock"
PYTHONS = ((3, 13), (3, 12), (3, 11))  # in order of preference

# Services that the plug-in serves or repairs (PROVIDER_OVERRIDE_*), and those that LocalStack serves correctly.
MENDED = (
    "application-autoscaling cloudwatch dms ec2 ecs elbv2 lambda rds resourcegroupstaggingapi route53 s3 secretsmanager"
).split()
PLAIN = "acm iam kms logs sns sts".split()


def main() -> None:
    args = parse_arguments()
    python = prepare_venv(args.venv.absolute(), args.python)
    if not args.install_only:
        if args.die_with_parent:
            die_with_parent()
        run(python, args.port, args.state.absolute(), args.ready_file and args.ready_file.absolute())


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", type=Path, required=True, help="virtual environment; created or updated as needed")
    parser.add_argument("--python", help="interpreter for the environment [default: the best one found]")
    parser.add_argument("--install-only", action="store_true", help="prepare the virtual environment, then exit")
    parser.add_argument("--port", type=int, help="port on 127.0.0.1")
    parser.add_argument("--state", type=Path, help="directory for everything that the server writes, including its log")
    parser.add_argument("--ready-file", type=Path, help="file that receives the process id once requests are answered")
    parser.add_argument("--die-with-parent", action="store_true", help="exit when the parent process exits")
    args = parser.parse_args()
    if not args.install_only and not (args.port and args.state):
        parser.error("--port and --state are required to start the server")
    return args


def die_with_parent() -> None:
    """Request a SIGTERM from the kernel when the parent dies for any reason: no server outlives a killed test run."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGTERM, 0, 0, 0)


# --- the virtual environment ---------------------------------------------------------------------------------------


def prepare_venv(venv: Path, chosen: str | None) -> str:
    """Creates or updates the virtual environment if the lock file or the plug-in changed. Returns its Python."""
    try:
        with virtual_environment.locked(venv):
            return update_venv(venv, chosen)
    except virtual_environment.NotAnEnvironment as error:
        fail(WRONG_USE, str(error))
    except virtual_environment.NoPython as error:
        fail(NO_PYTHON, str(error))
    except virtual_environment.InstallError as error:
        fail(INSTALL_FAILED, str(error))


def update_venv(venv: Path, chosen: str | None) -> str:
    python = virtual_environment.python_of(venv)
    stamp = venv / "migrate-infra.stamp"
    packages, plugin = stamps()
    written = stamp.read_text().splitlines() if stamp.exists() else []
    had_packages, had_plugin, base = written if len(written) == 3 else ("", "", "")
    good = had_packages == packages and chosen in (None, base) and os.path.exists(python)
    if good and had_plugin == plugin:
        return python
    if not good:
        base, version = virtual_environment.find_python(PYTHONS, chosen, "LocalStack")
        say(f"creating {venv} with {base}; this takes about a minute")
        virtual_environment.create(venv, base)
        virtual_environment.run([python, *virtual_environment.PIP, "--no-deps", "-r", str(LOCK)])
        if version < (3, 13):
            older_python.rewrite(venv)
    stamp.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as copy:  # the build writes into the directory of its sources
        source = shutil.copytree(PLUGIN, f"{copy}/plugin", ignore=shutil.ignore_patterns("__pycache__"))
        options = ["--no-build-isolation", "--no-deps", "--force-reinstall"]
        virtual_environment.run([python, *virtual_environment.PIP, *options, str(source)])
    shutil.rmtree(venv / "cache", ignore_errors=True)  # contains plux's list of entry points
    stamp.write_text(f"{packages}\n{plugin}\n{base}\n")
    return python


def stamps() -> tuple[str, str]:
    """Returns hashes of the inputs of the virtual environment: the lock file and the plug-in."""
    plugin = [f for f in PLUGIN.rglob("*") if f.suffix in (".py", ".toml")]
    return virtual_environment.digest([LOCK, Path(older_python.__file__)]), virtual_environment.digest(plugin)


# --- the server ----------------------------------------------------------------------------------------------------


def run(python: str, port: int, state: Path, ready_file: Path | None) -> NoReturn:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError as error:
            fail(PORT_TAKEN, f"port {port} on 127.0.0.1 is not usable: {error.strerror}")
    venv = Path(python).parent.parent
    for folder in (state / "tmp", state / "home", state / "volume", state / "fs/var/lib/localstack", venv / "cache"):
        folder.mkdir(parents=True, exist_ok=True)
    # Generating LocalStack's catalogue of all services takes seconds: keep it with the installation, not the state.
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
    """Returns the complete environment of the server. Nothing of the caller's (credentials, proxies) is passed on."""
    environment = {
        "PATH": f"{venv}/bin:/usr/bin:/bin",
        "HOME": f"{state}/home",
        "TMPDIR": f"{state}/tmp",
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "XDG_CACHE_HOME": f"{venv}/cache",  # the index of entry points: created at the first start and kept
        # listening address and output directories
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "LOCALSTACK_HOST": f"127.0.0.1:{port}",
        "GATEWAY_SERVER": "loopback",  # from the plug-in: LocalStack's own server listens on every interface
        "FILESYSTEM_ROOT": f"{state}/fs",
        "LOCALSTACK_VOLUME_DIR": f"{state}/volume",
        "CONFIG_DIR": f"{state}/home/.localstack",
        # no outgoing traffic: no telemetry, certificate download, name server, package downloads or proxies
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DNS_ADDRESS": "0",
        "AWS_EC2_METADATA_DISABLED": "true",
        # no Docker, neither on this machine nor around it (in a container, LocalStack would write to /var/lib and ping)
        "OVERRIDE_IN_DOCKER": "0",
        "DOCKER_HOST": f"unix://{state}/no-docker.sock",
        "DOCKER_BRIDGE_IP": "127.0.0.1",
        # fast start: a service is loaded at its first request, and only these services exist
        "EAGER_SERVICE_LOADING": "0",
        "SERVICES": ",".join(MENDED + PLAIN),
        "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
        # allows AWS's managed policies to be attached to roles
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
