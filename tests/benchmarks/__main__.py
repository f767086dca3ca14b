"""``python -m tests.benchmarks``: how long whole processes take, side by side with the AWS CLI, as a table.

Medians over some runs, which take turns, so that what else the machine does falls on all alike. The numbers to look at
are the ratios.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.answers import REGIONS
from tests.benchmarks.server import certificate

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
LATENCY = 0.08


@dataclass(frozen=True)
class Took:
    """What a run took: ``seconds``, and at its peak ``mib`` of memory."""

    seconds: float
    mib: float


@dataclass(frozen=True)
class Row:
    """A line of the table: ``ours`` is to be at most ``bar`` times ``theirs``, of which ``value`` is compared."""

    what: str
    ours: str
    theirs: str
    ratio: float
    bar: float

    @property
    def met(self) -> bool:
        return self.ratio <= self.bar


Run = Callable[[], Took]


def take(commands: Sequence[Sequence[str]], environ: Mapping[str, str]) -> Took:
    """Run ``commands`` at once; exits when one fails. The memory is that of the largest."""
    start = time.perf_counter()
    running = [subprocess.Popen(each, env=environ, stdout=subprocess.DEVNULL, cwd=ROOT) for each in commands]
    peak = 0
    for each in running:
        _, status, usage = os.wait4(each.pid, 0)
        each.returncode = os.waitstatus_to_exitcode(status)
        if each.returncode:
            raise SystemExit(f"failed: {each.args}")
        peak = max(peak, usage.ru_maxrss)
    return Took(time.perf_counter() - start, peak / 1024)


def medians(runs: Mapping[str, Run], count: int) -> dict[str, Took]:
    """Each run ``count`` times, in turns, after one that does not count."""
    taken: dict[str, list[Took]] = {name: [] for name in runs}
    for number in range(count + 1):
        for name, run in runs.items():
            took = run()
            if number:
                taken[name].append(took)
    return {
        name: Took(statistics.median(each.seconds for each in some), statistics.median(each.mib for each in some))
        for name, some in taken.items()
    }


@contextmanager
def serving(*arguments: str, tls: tuple[Path, Path, Path] | None = None) -> Iterator[str]:
    """A server process; gives its URL."""
    command = [sys.executable, "-m", "tests.benchmarks.server", *arguments]
    if tls:
        command += ["--certificate", str(tls[0]), str(tls[1])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


SCRIPT = """
import boto3
for page in boto3.client("ec2", region_name="us-east-1").get_paginator("describe_instances").paginate():
    for reservation in page["Reservations"]:
        for each in reservation["Instances"]:
            name = next((tag["Value"] for tag in each.get("Tags", ()) if tag["Key"] == "Name"), "")
            print(name, each["InstanceId"], each["State"]["Name"], each["InstanceType"], sep="\\t")
"""


class Bench:
    """The measurements; ``count`` runs each."""

    def __init__(self, home: Path, count: int) -> None:
        self.count = count
        self.home = home
        self.environ = {
            "PATH": f"{BIN}:/usr/bin:/bin",
            "HOME": str(home),
            "PYTHONPATH": str(ROOT),
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_REGION": "us-east-1",
            "NO_PROXY": "*",
        }
        # As an installed script starts: one import, one call.
        self.script = home / "ectwo"
        self.script.write_text("import sys\nfrom ectwo_cli.main import run\nsys.exit(run())\n")

    def python(self, *arguments: str, **environ: str) -> Run:
        return lambda: take([[sys.executable, *arguments]], {**self.environ, **environ})

    def ectwo(self, *arguments: str, **environ: str) -> Run:
        return self.python(str(self.script), *arguments, **environ)

    def aws(self, *arguments: str, regions: Sequence[str] = ("us-east-1",), **environ: str) -> Run:
        command = [sys.executable, str(BIN / "aws"), *arguments, "--region"]
        return lambda: take([[*command, region] for region in regions], {**self.environ, **environ})

    def starting(self) -> Iterator[Row]:
        """How long until something is said that needs no network."""

        def tab(line: str) -> Run:
            return self.ectwo(_ECTWO_COMPLETE="bash", _ECTWO_LINE=line, _ECTWO_WORD=line.rpartition(" ")[2])

        took = medians(
            {
                "pass": self.python("-c", "pass"),
                "typer": self.python("-c", "import typer"),
                "version": self.ectwo("--version"),
                "help": self.ectwo("--help"),
                "find help": self.ectwo("instances", "find", "--help"),
                "word": tab("ectwo instances f"),
                "value": tab("ectwo instances find -r us-"),
            },
            self.count * 3,
        )
        for name, what, than, bar in (
            ("version", "ectwo --version", "pass", 1.5),
            ("help", "ectwo --help", "typer", 1.7),
            ("find help", "ectwo instances find --help", "typer", 1.7),
            ("word", "TAB for a word", "typer", 1.5),
            ("value", "TAB for a region", "typer", 1.5),
        ):
            theirs = 'python -c "import typer"' if than == "typer" else "python -c pass"
            yield seconds(what, took[name], theirs, took[than], bar)

    def everywhere(self, scheme: str) -> Iterator[Row]:
        """Seventeen regions of sixty instances."""
        tls = certificate(self.home) if scheme == "https" else None
        with serving("--fleet", "60", "--latency", str(LATENCY), tls=tls) as url:
            there = {"AWS_ENDPOINT_URL": url, **({"AWS_CA_BUNDLE": str(tls[2])} if tls else {})}
            took = medians(
                {
                    "ours": self.ectwo("instances", "find", **there),
                    "aws": self.aws("ec2", "describe-instances", regions=REGIONS, **there),
                    "boto3": self.python("-c", SCRIPT, **there),
                    "one": self.ectwo("instances", "find", "-r", "us-east-1", **there),
                },
                self.count,
            )
        what = f"17 regions of 60 instances ({scheme})"
        yield seconds(what, took["ours"], "17 `aws ec2 describe-instances` at once", took["aws"], 1 / 15)
        yield seconds(what, took["ours"], "a boto3 script, one region", took["boto3"], 1.5)
        yield seconds(f"one region of 60 ({scheme})", took["one"], "a boto3 script, one region", took["boto3"], 1)

    def large(self, group: str, operation: str, *options: str) -> Iterator[Row]:
        """Ten thousand in one region."""
        with serving("--fleet", "10000", "--only", "us-east-1") as url:
            took = medians(
                {
                    "ours": self.ectwo(group, "find", "-r", "us-east-1", "--json", AWS_ENDPOINT_URL=url),
                    "aws": self.aws("ec2", operation, *options, AWS_ENDPOINT_URL=url),
                },
                max(self.count // 2, 1),
            )
        yield seconds(f"10,000 {group} --json", took["ours"], f"`aws ec2 {operation}`", took["aws"], 1 / 12)
        yield memory(f"10,000 {group} --json", took["ours"], f"`aws ec2 {operation}`", took["aws"], 1 / 3)

    def huge(self) -> Iterator[Row]:
        """A hundred thousand in one region, as a stream."""
        with serving("--fleet", "100000", "--only", "us-east-1") as url:
            for format in ("jsonl", "csv"):
                took = self.ectwo("instances", "find", "-r", "us-east-1", "-o", format, AWS_ENDPOINT_URL=url)()
                limit = Took(0, 150)
                yield memory(f"100,000 instances -o {format} ({took.seconds:.1f} s)", took, "150 MiB", limit, 1)


def seconds(what: str, ours: Took, than: str, theirs: Took, bar: float) -> Row:
    """A row about time."""
    return Row(what, shown(ours.seconds), f"{than}: {shown(theirs.seconds)}", ours.seconds / theirs.seconds, bar)


def memory(what: str, ours: Took, than: str, theirs: Took, bar: float) -> Row:
    """A row about memory."""
    beside = than if than.endswith("MiB") else f"{than}: {theirs.mib:.0f} MiB"
    return Row(f"{what}, memory", f"{ours.mib:.0f} MiB", beside, ours.mib / theirs.mib, bar)


def shown(length: float) -> str:
    return f"{length * 1000:.0f} ms" if length < 1 else f"{length:.2f} s"


def times(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio >= 0.5 else f"1/{1 / ratio:.1f}"


PARTS: Mapping[str, Callable[[Bench], Iterator[Row]]] = {
    "start": lambda bench: bench.starting(),
    "http": lambda bench: bench.everywhere("http"),
    "https": lambda bench: bench.everywhere("https"),
    "instances": lambda bench: bench.large("instances", "describe-instances"),
    "images": lambda bench: bench.large("images", "describe-images", "--owners", "self"),
    "snapshots": lambda bench: bench.large("snapshots", "describe-snapshots", "--owner-ids", "self"),
    "huge": lambda bench: bench.huge(),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    met = True
    print("| what | ectwo | beside | ratio | bar | |\n| --- | ---: | --- | ---: | ---: | --- |")  # noqa: T201
    with tempfile.TemporaryDirectory() as home:
        bench = Bench(Path(home), given.runs)
        for name in given.parts or PARTS:
            for row in PARTS[name](bench):
                met = met and row.met
                cells = (row.what, row.ours, row.theirs, times(row.ratio), times(row.bar), "" if row.met else "missed")
                print(f"| {' | '.join(cells)} |", flush=True)  # noqa: T201
    return 0 if met else 1


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(main())
