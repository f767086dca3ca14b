"""When what is written: streaming formats, order, memory; and what is imported for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence

import pytest
from render_fakes import Batch, Seen, Server, make_screen, server

from ectwo_cli.query import Query
from ectwo_cli.render.show import show
from ectwo_cli.render.view import view

A2, A1 = server(2, region="eu-west-1"), server(1, region="eu-west-1")
B1, C1 = server(3, region="us-east-1"), server(4, region="ap-south-1")


def watched(screen: Seen, pages: Sequence[Batch], seen: list[str]) -> Iterator[Batch]:
    """The pages; ``seen`` gets what had been written when each was asked for."""
    for page in pages:
        seen.append(screen.out)
        yield page


def run(format: str, pages: Sequence[Batch], **asked: object) -> tuple[list[str], str]:
    screen = make_screen()
    seen: list[str] = []
    wanted = view(Server, format=format, columns=["id"], header=False)
    show(screen, wanted, watched(screen, pages, seen), Query(Server, **asked))
    return seen, screen.out


def lines(format: str, *items: Server) -> str:
    return "".join(f'{{"id":"{item.id}"}}\n' if format == "jsonl" else f"{item.id}\n" for item in items)


def test_jsonl_writes_each_page_as_it_comes() -> None:
    seen, out = run("jsonl", [Batch([A2, A1]), Batch([]), Batch([B1])])
    assert seen == ["", lines("jsonl", A2, A1), lines("jsonl", A2, A1)]
    assert out == lines("jsonl", A2, A1, B1)


def test_csv_of_small_regions_is_gathered_and_in_order() -> None:
    seen, out = run("csv", [Batch([A2, A1]), Batch([B1]), Batch([C1])])
    assert seen == ["", "", ""]
    assert out == lines("csv", C1, A1, A2, B1)


def test_csv_streams_from_the_first_page_that_has_more() -> None:
    seen, out = run("csv", [Batch([B1]), Batch([A2, A1], more=True), Batch([C1]), Batch([server(9)])])
    assert seen == ["", "", lines("csv", A1, A2, B1), lines("csv", A1, A2, B1, C1)]
    assert out == lines("csv", A1, A2, B1, C1, server(9))


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_a_sort_or_a_limit_needs_them_all(format: str) -> None:
    pages = [Batch([A2, A1], more=True), Batch([B1]), Batch([C1])]
    seen, out = run(format, pages, sort=("-id",))
    assert (seen, out) == (["", "", ""], lines(format, C1, B1, A2, A1))
    _, out = run(format, pages, limit=2)
    assert out == lines(format, C1, A1)
    _, out = run(format, pages, one=True)
    assert out == lines(format, C1)


@pytest.mark.parametrize("format", ["json", "yaml", "tsv", "table", "ids"])
def test_the_others_are_in_order(format: str) -> None:
    screen = make_screen()
    pages = [Batch([A2, A1], more=True), Batch([B1]), Batch([C1])]
    assert show(screen, view(Server, format=format), pages, Query(Server)) == 4
    places = [screen.out.index(item.id) for item in (C1, A1, A2, B1)]
    assert places == sorted(places)


def test_each_streamed_page_is_handed_over() -> None:
    screen = make_screen()
    flushed: list[str] = []
    screen.stdout.flush = lambda: flushed.append(screen.out)  # type: ignore[method-assign]
    show(screen, view(Server, format="jsonl", columns=["id"]), [Batch([A1]), Batch([A2])], Query(Server))
    assert flushed == [lines("jsonl", A1), lines("jsonl", A1, A2)]


USE = """
import os, sys
sys.path.insert(0, {folder!r})
from render_fakes import Batch, Server, server
from ectwo_cli.query import Query
from ectwo_cli.render.screen import Screen
from ectwo_cli.render.show import show, show_one
from ectwo_cli.render.view import view
import ectwo_cli.prompt, ectwo_cli.render.live, ectwo_cli.render.plan, ectwo_cli.render.progress
screen = Screen(sys.stdin, sys.stdout, sys.stderr, os.environ)
wanted = view(Server, format={format!r})
show(screen, wanted, [Batch([server(1)])], Query(Server))
show_one(screen, wanted, server(1))
screen.error("e", hint="h")
heavy = ("rich", "questionary", "prompt_toolkit", "boto3", "botocore", "lxml", "jmespath", "threading")
print([name for name in heavy if name in sys.modules], file=sys.stderr)
"""


@pytest.mark.parametrize("format", ["table", "wide", "json", "jsonl", "csv", "tsv", "ids"])
def test_programs_do_not_pay_for_what_people_see(format: str) -> None:
    from pathlib import Path

    code = USE.format(folder=str(Path(__file__).parent), format=format)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "error: e\nhint: h\n[]\n"
