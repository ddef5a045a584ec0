#!/usr/bin/env python3
"""Benchmarks of whole runs, with Terraform beside them where it is installed. Standard library only.

    bench.py engine --scale PROGRAM [--steps 1000,10000,100000] [--terraform-steps 1000,10000]
    bench.py stack --program PROGRAM --venv DIR [--rounds 3]

`just bench` builds the programs and passes them. Each measurement is a process of its own: its CPU time and its peak of
memory are those of that process and of what it has started.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent


class Measured:
    """What a process took: seconds, CPU seconds, and the most memory in megabytes."""

    def __init__(self, command: list[str], cwd: Path, environment: dict[str, str] | None = None):
        began = time.monotonic()
        log = tempfile.TemporaryFile()
        process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=log)
        assert process.stdout
        self.output = process.stdout.read().decode()
        # wait4 gives the usage of this process and of those for which it has waited.
        _, status, usage = os.wait4(process.pid, 0)
        self.seconds = time.monotonic() - began
        self.cpu = usage.ru_utime + usage.ru_stime
        self.megabytes = usage.ru_maxrss / 1024
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            log.seek(0)
            sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{self.output}{log.read().decode()}")


def show(heads: list[str], rows: list[list[str]]) -> None:
    """Prints a table in Markdown."""
    widths = [max(len(row[at]) for row in [heads, *rows]) for at in range(len(heads))]
    for row in [heads, ["-" * width for width in widths], *rows]:
        print("| " + " | ".join(text.rjust(width) for text, width in zip(row, widths)) + " |")
    print(flush=True)


def numbers(text: str) -> list[int]:
    return [int(one) for one in text.split(",") if one]


# --- engine ---------------------------------------------------------------------------------------------------------

# Layers as those of scale.rs.
WIDTH, NEEDS = 100, 3


def terraform_layers(steps: int) -> dict:
    def step(index: int) -> dict:
        before = (index // WIDTH - 1) * WIDTH
        needs = {before + (index * 7 + one * 31) % WIDTH for one in range(NEEDS)} if before >= 0 else set()
        return {"input": f"step-{index}", "depends_on": [f"terraform_data.step-{need}" for need in sorted(needs)]}

    return {"resource": {"terraform_data": {f"step-{index}": step(index) for index in range(steps)}}}


def engine(args: argparse.Namespace) -> None:
    phases = ("create", "none", "destroy")
    rows = []
    for steps in numbers(args.steps):
        with tempfile.TemporaryDirectory() as directory:
            for phase in phases:
                measured = Measured([str(args.scale), str(steps), phase, directory], HERE)
                own = json.loads(measured.output)
                per_step = own["run_cpu_seconds"] / steps * 1e6
                memory = own["peak_kilobytes"] / 1024
                rows.append([
                    f"{steps:,}", phase, f"{own['plan_cpu_seconds']:.2f}", f"{own['run_seconds']:.2f}",
                    f"{own['run_cpu_seconds']:.2f}", f"{per_step:.0f}", f"{memory:.0f}",
                ])
                print(f"{steps} {phase} done", file=sys.stderr)
    show(["steps", "phase", "CPU of the plan, s", "run, s", "CPU of the run, s", "CPU per step, µs", "memory, MB"], rows)
    if not shutil.which("terraform"):
        print("terraform is not installed: it was not measured")
        return
    rows = []
    commands = {
        "create": ["apply", "-auto-approve"], "none": ["apply", "-auto-approve"], "destroy": ["destroy", "-auto-approve"],
    }
    for steps in numbers(args.terraform_steps):
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, "main.tf.json").write_text(json.dumps(terraform_layers(steps)))
            Measured(["terraform", "init"], Path(directory))
            for phase, command in commands.items():
                measured = Measured(["terraform", *command, "-parallelism=32"], Path(directory))
                per_step = measured.cpu / steps * 1e6
                rows.append([
                    f"{steps:,}", phase, f"{measured.seconds:.2f}", f"{measured.cpu:.2f}", f"{per_step:.0f}",
                    f"{measured.megabytes:.0f}",
                ])
                print(f"terraform {steps} {phase} done", file=sys.stderr)
    version = json.loads(subprocess.check_output(["terraform", "version", "-json"]))["terraform_version"]
    print(f"Terraform {version}, `terraform_data`, plan and run together:\n")
    show(["steps", "phase", "seconds", "CPU, s", "CPU per step, µs", "memory, MB"], rows)


# --- stack ----------------------------------------------------------------------------------------------------------

LOCALSTACK = HERE.parent / "localstack"
PROVIDERS = Path("/opt/tf-plugins")
REQUEST = re.compile(r"localstack\.request\.aws +: AWS (\S+) => ")


class Server:
    """The LocalStack lane of the tests, on a free port."""

    def __init__(self, venv: Path, directory: Path):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        state, ready = directory / "localstack", directory / "ready"
        command = [sys.executable, str(LOCALSTACK / "start.py"), "--venv", str(venv), "--port", str(self.port)]
        command += ["--state", str(state), "--ready-file", str(ready), "--die-with-parent"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.log = state / "localstack.log"
        while not ready.exists():
            if self.process.poll() is not None:
                sys.exit(f"LocalStack has ended with {self.process.returncode}")
            time.sleep(0.2)
        self.read = 0

    def requests(self) -> Counter[str]:
        """Returns the requests since the last call, by operation."""
        with self.log.open() as log:
            log.seek(self.read)
            found = Counter(REQUEST.findall(log.read()))
            self.read = log.tell()
        return found

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


class Tool:
    """This tool, with the configuration that contains one self-contained environment."""

    name = "migrate-infra"

    def __init__(self, program: Path, server: Server, account: str, directory: Path):
        (directory / "config").mkdir()
        shutil.copy(HERE.parents[1] / "config/self-contained.toml", directory / "config/migration.toml")
        self.program, self.directory = str(program.absolute()), directory
        own = {"AWS_ENDPOINT_URL": server.url, "AWS_ACCESS_KEY_ID": account, "AWS_SECRET_ACCESS_KEY": "test"}
        self.environment = {**os.environ, **own, "AWS_EC2_METADATA_DISABLED": "true"}

    def run(self, phase: str) -> Measured:
        arguments = {
            "up": ["up", "--env", "source", "-y"], "no-op plan": ["plan", "--env", "source"], "down": ["down", "-y"],
        }
        return Measured([self.program, *arguments[phase]], self.directory, self.environment)


class Terraform:
    """Terraform, with tests/bench/terraform."""

    name = "Terraform"

    def __init__(self, _: Path, server: Server, account: str, directory: Path):
        shutil.copy(HERE / "terraform/main.tf", directory)
        with zipfile.ZipFile(directory / "rotation.zip", "w") as archive:
            archive.writestr("rotation.py", "def handler(event, context):\n    pass\n")
        roots = (HERE.parents[1] / "src/connect/rds/roots.pem").read_text()
        end = "-----END CERTIFICATE-----"
        (directory / "roots.pem").write_text(roots[roots.index("-----BEGIN") : roots.index(end) + len(end)] + "\n")
        variables = {"endpoint": server.url, "account": account}
        files = {"function": str(directory / "rotation.zip"), "certificates": str(directory / "roots.pem")}
        (directory / "bench.auto.tfvars.json").write_text(json.dumps({**variables, **files}))
        local = [f"-plugin-dir={PROVIDERS}"] if PROVIDERS.exists() else []
        self.directory = directory
        Measured(["terraform", "init", *local], directory)

    def run(self, phase: str) -> Measured:
        arguments = {
            "up": ["apply", "-auto-approve"], "no-op plan": ["plan", "-detailed-exitcode"],
            "down": ["destroy", "-auto-approve"],
        }
        return Measured(["terraform", *arguments[phase], "-no-color"], self.directory)


def stack(args: argparse.Namespace) -> None:
    phases = ("up", "no-op plan", "down")
    # A plan changes nothing, and takes less time than the machine's pauses. So it is repeated.
    order = ("up", "no-op plan", "no-op plan", "no-op plan", "down")
    kinds = [Tool, Terraform] if shutil.which("terraform") else [Tool]
    results: dict[tuple[str, str], list[tuple[Measured, Counter[str]]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as parent:
        server = Server(args.venv, Path(parent))
        try:
            # LocalStack loads a service at its first request, so a first round is not counted.
            warming = 1
            for number in range(warming + args.rounds * len(kinds)):
                kind = kinds[max(number - warming, 0) % len(kinds)]
                directory = Path(parent, f"run-{number}")
                directory.mkdir()
                runner = kind(args.program, server, f"{111_122_220_000 + number}", directory)
                server.requests()
                for phase in order:
                    measured = runner.run(phase)
                    requests = server.requests()
                    if number < warming:
                        continue
                    results[kind.name, phase].append((measured, requests))
                    print(f"{kind.name} {phase}: {measured.seconds:.1f} s", file=sys.stderr)
        finally:
            server.stop()

    def median(name: str, phase: str, of: Callable[[tuple[Measured, Counter[str]]], float]) -> float:
        return statistics.median(of(one) for one in results[name, phase])

    values: list[tuple[str, Callable[[tuple[Measured, Counter[str]]], float], str]] = [
        ("seconds", lambda one: one[0].seconds, ".2f"), ("CPU, s", lambda one: one[0].cpu, ".2f"),
        ("memory, MB", lambda one: one[0].megabytes, ".0f"), ("requests", lambda one: one[1].total(), ".0f"),
    ]
    rows = []
    for phase in phases:
        for label, of, form in values:
            medians = [median(kind.name, phase, of) for kind in kinds]
            ratio = f"{medians[1] / medians[0]:.1f}" if len(medians) > 1 else ""
            rows.append([phase, label, *(format(one, form) for one in medians), ratio])
    show(["phase", "median", *(kind.name for kind in kinds), "ratio"], rows)
    for kind in kinds:
        for phase in phases:
            requests = results[kind.name, phase][-1][1]
            print(f"{kind.name}, {phase}, last round: ", end="")
            print(", ".join(f"{operation} {count}" for operation, count in requests.most_common()) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("engine", help="layers of steps without calls")
    command.add_argument("--scale", type=Path, required=True, help="the program that tests/bench/scale.rs becomes")
    command.add_argument("--steps", default="1000,10000,100000")
    command.add_argument("--terraform-steps", default="1000")
    command.set_defaults(run=engine)
    command = commands.add_parser("stack", help="one environment on LocalStack: up, a plan without changes, down")
    command.add_argument("--program", type=Path, required=True, help="the migrate-infra to measure")
    command.add_argument("--venv", type=Path, required=True, help="the virtual environment of LocalStack")
    command.add_argument("--rounds", type=int, default=3)
    command.set_defaults(run=stack)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
