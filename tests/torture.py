#!/usr/bin/env python3
"""Rehearses many migrations, one after the other or side by side, and writes a table of their results.

Each run has its own seed, for the rows, the writers and the moments at which the driver is killed; it takes the next
combination of what follows the cutover and of the faults in tests/torture/. The first run that loses a payment, or
leaves something behind, is reported with the command that repeats it.

    tests/torture.py PROGRAM [--runs 200] [--first 1] [--lanes 1] [--speed 300] [--table FILE]
"""

import argparse
import concurrent.futures
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ENDS = ["finish", "rollback", "again"]
# Minutes of AWS are short here and databases work in real time, so gates that measure their work are left out, and few
# requests fall into each minute.
SETTINGS = [
    "gates.validation.enabled=false",
    "gates.replication-lag.enabled=false",
    "gates.error-rate.enabled=false",
    "gates.latency.enabled=false",
    "gates.alarms.enabled=false",
    "gates.traffic-share.min_requests=1",
    "gates.traffic-share.tolerance_percent=100",
    "cutover.steps=[50,100]",
    "cutover.bake_seconds=60",
]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="the built migrate-infra")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--first", type=int, default=1, help="the seed of the first run")
    parser.add_argument("--lanes", type=int, default=1, help="runs at the same time")
    parser.add_argument("--speed", type=float, default=300)
    parser.add_argument("--writers", type=int, default=16)
    parser.add_argument("--rate", type=float, default=100)
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--table", type=pathlib.Path, help="where the table is written; default: standard output")
    return parser.parse_args()


def command(args, seed, directory):
    """Returns what follows the cutover, the fault, and the command of a run."""
    faults = [None, *sorted((HERE / "torture").glob("*.toml"))]
    end = ENDS[seed % len(ENDS)]
    fault = faults[(seed // len(ENDS)) % len(faults)]
    parts = [args.program, "--config", str(HERE.parent / "config" / "migration.toml")]
    parts += ["--state-dir", str(directory / "state")]
    parts += [part for setting in SETTINGS for part in ("--set", setting)]
    parts += ["rehearse", "--kill", str(seed), "--seed", str(seed), "--then", end, "--speed", str(args.speed)]
    parts += ["--writers", str(args.writers), "--rate", str(args.rate), "--rows", str(args.rows)]
    # An hour of writes lies between the ways.
    parts += ["--soak", "3600"] if end == "again" else []
    parts += ["--report", str(directory / "report")]
    if fault is not None:
        parts += ["--script", str(fault)]
    return end, "none" if fault is None else fault.stem, parts


def run(args, seed):
    """Runs one rehearsal. Returns its row."""
    with tempfile.TemporaryDirectory(prefix=f"torture-{seed}-", ignore_cleanup_errors=True) as name:
        directory = pathlib.Path(name)
        end, fault, parts = command(args, seed, directory)
        began = time.monotonic()
        done = subprocess.run(parts, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        row = {"seed": seed, "end": end, "fault": fault, "code": done.returncode, "seconds": time.monotonic() - began}
        row["command"], row["errors"] = " ".join(parts), done.stderr[-2000:]
        report = directory / "report" / "report.json"
        if report.exists():
            row["report"] = json.loads(report.read_text())
        return row


def facts(row):
    """Returns what the table shows of a run; nothing if it has no verdict."""
    report = row.get("report")
    if report is None:
        return None
    verdict, traffic, notes = report["verdict"], report["traffic"], report["notes"]
    return {
        "acknowledged": verdict["acknowledged"],
        "lost": verdict["lost"]["requests"],
        "duplicated": verdict["duplicated"]["requests"],
        "changed": verdict["changed"]["requests"],
        "closed": traffic["gaps"]["longest_seconds"],
        "switchovers": max(0, len(traffic["writes"]) - 1),
        "undone": sum("undone" in note for note in notes),
        "left": sum(note.startswith("left") for note in notes),
        "killed": sum(int(note.split()[-2]) for note in notes if note.startswith("the driver was killed")),
        "conclusion": report["conclusion"],
    }


def is_good(row):
    found = facts(row)
    return row["code"] == 0 and found is not None and found["left"] == 0


def table(rows):
    """Returns the results as Markdown, one line for each combination."""
    lines = [
        "| after the cutover | fault | runs | kills | switchovers | undone | acknowledged | lost | duplicated | changed "
        "| left behind | without writes, median (most) |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    groups = {}
    for row in rows:
        groups.setdefault((row["end"], row["fault"]), []).append(facts(row))
    for (end, fault), group in sorted(groups.items()):
        found = [one for one in group if one is not None]
        total = lambda name: sum(one[name] for one in found)
        closed = [one["closed"] for one in found] or [0.0]
        cells = [end, fault, len(group), total("killed"), total("switchovers"), total("undone")]
        cells += [total(name) for name in ("acknowledged", "lost", "duplicated", "changed", "left")]
        cells.append(f"{statistics.median(closed):.1f} s ({max(closed):.1f} s)")
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def main():
    args = arguments()
    seeds, rows = range(args.first, args.first + args.runs), []
    with concurrent.futures.ThreadPoolExecutor(max_workers=args.lanes) as lanes:
        for row in lanes.map(lambda seed: run(args, seed), seeds):
            rows.append(row)
            state = "ok" if is_good(row) else "FAILED"
            print(f"{row['seed']:>5} {row['end']:<9} {row['fault']:<20} {row['seconds']:6.1f} s  {state}", file=sys.stderr)
            if not is_good(row):
                found = facts(row)
                print(f"      {row['command']}\n      {found}\n{row['errors']}", file=sys.stderr)
    text = table(rows)
    if args.table is None:
        print(text)
    else:
        args.table.write_text(text)
    failed = [row["seed"] for row in rows if not is_good(row)]
    print(f"{len(rows)} rehearsals, {len(failed)} failed: {failed}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
