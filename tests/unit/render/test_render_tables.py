# ruff: noqa: E501  (tables are as wide as they are)
"""Tables and sheets on terminals of several widths."""

from __future__ import annotations

from datetime import timedelta
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st
from render_fakes import NOW, Batch, Seen, Server, make_screen, server

from ectwo_cli.outcome import Outcome
from ectwo_cli.query import Query
from ectwo_cli.render.grid import ELLIPSIS, cut, measure
from ectwo_cli.render.sheet import wrapped
from ectwo_cli.render.show import show, show_one, show_outcomes, show_records
from ectwo_cli.render.view import view

FLEET = [
    server(1, launched_at=NOW - timedelta(minutes=5)),
    server(2, name="api-gateway-production-blue", type="c7i-flex.4xlarge", state="shutting-down", public_ip=None),
    server(3, region="ap-southeast-1", name="日本語のサーバー", public_ip="203.0.113.200", launched_at=None),
    server(4, region="ap-southeast-1", name=None, state="stopped"),
]


def text(block: str) -> str:
    return dedent(block).removeprefix("\n")


def table(width: int, items: list[Server] = FLEET, *, environ: dict[str, str] | None = None, **asked: object) -> Seen:
    screen = make_screen(out=True, err=True, width=width, environ=environ or {})
    show(screen, view(Server, **asked), [Batch(items)], Query(Server))
    return screen


def test_a_wide_terminal_shows_all() -> None:
    screen = table(140)
    assert screen.out == text(
        """
        region          name                         id                   state          type              public_ip      launched_at
        ap-southeast-1  日本語のサーバー             i-00000000000000003  running        t3.micro          203.0.113.200  -
        ap-southeast-1  -                            i-00000000000000004  stopped        t3.micro          54.0.0.4       3d ago
        us-east-1       api-gateway-production-blue  i-00000000000000002  shutting-down  c7i-flex.4xlarge  -              3d ago
        us-east-1       web-1                        i-00000000000000001  running        t3.micro          54.0.0.1       5m ago
        """
    )
    assert screen.err == ""


def test_less_space_is_given_before_text_is_cut() -> None:
    assert table(120).out == text(
        """
        region         name                        id                  state         type             public_ip     launched_at
        ap-southeast-1 日本語のサーバー            i-00000000000000003 running       t3.micro         203.0.113.200 -
        ap-southeast-1 -                           i-00000000000000004 stopped       t3.micro         54.0.0.4      3d ago
        us-east-1      api-gateway-production-blue i-00000000000000002 shutting-down c7i-flex.4xlarge -             3d ago
        us-east-1      web-1                       i-00000000000000001 running       t3.micro         54.0.0.1      5m ago
        """
    )


def test_80_columns_hold_the_default_columns() -> None:
    screen = table(80)
    assert screen.out == text(
        """
        name          id                  state         type           public_ip     age
        ap-southeast-1
        日本語のサー… i-00000000000000003 running       t3.micro       203.0.113.200 -
        -             i-00000000000000004 stopped       t3.micro       54.0.0.4      3d
        us-east-1
        api-gateway-… i-00000000000000002 shutting-down c7i-flex.4xla… -             3d
        web-1         i-00000000000000001 running       t3.micro       54.0.0.1      5m
        """
    )
    assert screen.err == ""


def test_regions_are_headings_only_when_each_comes_once() -> None:
    screen = make_screen(out=True, width=80)
    show(screen, view(Server), [Batch([*FLEET, server(5)])], Query(Server, sort=("id",)))
    assert screen.out == text(
        """
        region         name     id                  state    type      public_ip     age
        us-east-1      web-1    i-00000000000000001 running  t3.micro  54.0.0.1      5m
        us-east-1      api-gat… i-00000000000000002 shuttin… c7i-flex… -             3d
        ap-southeast-1 日本語…  i-00000000000000003 running  t3.micro  203.0.113.200 -
        ap-southeast-1 -        i-00000000000000004 stopped  t3.micro  54.0.0.4      3d
        us-east-1      web-5    i-00000000000000005 running  t3.micro  54.0.0.5      3d
        """
    )


def test_what_does_not_fit_at_all_is_named() -> None:
    screen = table(50)
    assert screen.out == text(
        """
        name      id                  state     type
        ap-southeast-1
        日本語の… i-00000000000000003 running   t3.micro
        -         i-00000000000000004 stopped   t3.micro
        us-east-1
        api-gate… i-00000000000000002 shutting… c7i-flex.…
        web-1     i-00000000000000001 running   t3.micro
        """
    )
    assert screen.err == "2 columns do not fit: public_ip, launched_at (choose with --columns, or -o json)\n"


def test_wide_leaves_out_rather_than_squeezes() -> None:
    screen = table(100, FLEET[:1], format="wide")
    assert screen.out == text(
        """
        region    name  id                  state   type     public_ip age size  price public groups
        us-east-1 web-1 i-00000000000000001 running t3.micro 54.0.0.1  5m     8 0.0116 no     web, ssh
        """
    )
    assert screen.err == "2 columns do not fit: rules, tags (choose with --columns, or -o json)\n"


def test_without_a_header_and_with_chosen_columns() -> None:
    assert table(80, columns=["tags.env,id,state"], header=False).out == (
        "dev  i-00000000000000003  running\n"
        "dev  i-00000000000000004  stopped\n"
        "dev  i-00000000000000002  shutting-down\n"
        "dev  i-00000000000000001  running\n"
    )


def test_colors() -> None:
    environ = {"NO_COLOR": "", "TERM": "xterm-256color"}
    assert table(80, FLEET[3:], columns=["id,state,public_ip,name"], environ=environ).out == (
        "\x1b[1mid\x1b[0m                   \x1b[1mstate\x1b[0m    \x1b[1mpublic_ip\x1b[0m  \x1b[1mname\x1b[0m\n"
        "i-00000000000000004  \x1b[2mstopped\x1b[0m  54.0.0.4   \x1b[2m-\x1b[0m\n"
    )


def test_forced_color_into_a_pipe_keeps_the_tabs() -> None:
    screen = make_screen(environ={"NO_COLOR": "", "FORCE_COLOR": "1"})
    show(screen, view(Server, columns=["name,state"]), [Batch([server(name="a\x1b[2Jb\tc")])], Query(Server))
    assert screen.out == "\x1b[1mname\x1b[0m\t\x1b[1mstate\x1b[0m\na\\x1b[2Jb\\tc\t\x1b[32mrunning\x1b[0m\n"


def test_markup_in_names_is_text() -> None:
    assert table(80, [server(name="[red]x[/red] :smile: 10.0.0.1")], columns=["name"]).out == (
        "name\n[red]x[/red] :smile: 10.0.0.1\n"
    )


@given(st.integers(10, 250), st.lists(st.text(max_size=40), min_size=1, max_size=4), st.booleans())
def test_lines_fit_and_ids_are_whole(width: int, names: list[str], wide: bool) -> None:
    items = [server(number, name=name, tags={"k": name}) for number, name in enumerate(names)]
    screen = table(width, items, format="wide" if wide else "table")
    lines = screen.out.splitlines()
    if "id" in lines[0].split():
        assert all(item.id in screen.out for item in items)
        assert max(map(measure, lines)) <= width
    shown = set(lines[0].replace("age", "launched_at").split())
    dropped = screen.err
    for name in ("id", "state", "type", "public_ip"):
        assert name in shown or name in dropped


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("日本語", 6, "日本語"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("é" * 5, 3, "éé…"),
    ],
)
def test_cut(text: str, width: int, shown: str) -> None:
    assert cut(text, width) == shown
    assert measure(shown) <= width


@given(st.text(), st.integers(2, 30))
def test_cut_fits(text: str, width: int) -> None:
    assert measure(cut(text, width)) <= width or text.endswith(ELLIPSIS)


# Sheets


def test_a_sheet() -> None:
    screen = make_screen(out=True, width=60)
    item = server(
        name=None,
        tags={"Name": "", "description": "a long line of words that can not stand on one line of sixty", "k\x1b": "v"},
        rules=[{"protocol": "tcp", "from_port": 22, "source": "10.0.0.0/8"}, {"protocol": "icmp", "note": "any\n"}],
    )
    show_one(screen, view(Server), item, {"checks": {"system": "ok"}})
    assert screen.out == (
        "region       us-east-1\n"
        "name         -\n"
        "id           i-00000000000000001\n"
        "state        running\n"
        "type         t3.micro\n"
        "public_ip    54.0.0.1\n"
        "launched_at  2026-11-19T14:04:05Z (3d ago)\n"
        "size         8\n"
        "price        0.0116\n"
        "public       no\n"
        "groups       web\n"
        "             ssh\n"
        "rules        protocol  from_port  source      note\n"
        "             tcp              22  10.0.0.0/8  -\n"
        "             icmp              -  -           any\\n\n"
        "tags         Name        \n"
        "             description a long line of words that can not\n"
        "                         stand on one line of sixty\n"
        "             k\\x1b       v\n"
        "checks       system ok\n"
    )


@pytest.mark.parametrize(
    ("text", "room", "lines"),
    [
        ("", 5, [""]),
        ("one two three", 7, ["one two", "three"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("日本語", 4, ["日本", "語"]),
        ("a,bb,cc,dd", 5, ["a,bb,", "cc,dd"]),
    ],
)
def test_wrapped(text: str, room: int, lines: list[str]) -> None:
    assert wrapped(text, room) == lines


@given(st.text(st.characters(exclude_categories=["C", "Zs"])), st.integers(2, 20))
def test_nothing_is_lost_by_wrapping(text: str, room: int) -> None:
    assert "".join(wrapped(text, room)) == text
    assert all(measure(line) <= room for line in wrapped(text, room))


# Verbs


OUTCOMES = [
    Outcome(FLEET[1], None, "not permitted", "UnauthorizedOperation", "ask for ec2:StopInstances"),
    Outcome(FLEET[0], "stopped"),
]


def outcomes(screen: Seen, **asked: object) -> Seen:
    show_outcomes(screen, view(Server, **asked), OUTCOMES)
    return screen


ERROR = (
    "error: api-gateway-production-blue (us-east-1/i-00000000000000002): not permitted (UnauthorizedOperation)\n"
    "hint: ask for ec2:StopInstances\n"
)


def test_outcomes_on_a_terminal() -> None:
    screen = outcomes(make_screen(out=True, err=True, width=100))
    assert screen.out == text(
        """
        region    name         id                  state         type          public_ip launched_at action
        us-east-1 api-gateway… i-00000000000000002 shutting-down c7i-flex.4xl… -         3d ago      failed
        us-east-1 web-1        i-00000000000000001 running       t3.micro      54.0.0.1  5m ago      stopped
        """
    )
    assert screen.err == ERROR


def test_outcomes_in_json_have_an_error_on_failure_alone() -> None:
    screen = outcomes(make_screen(), format="jsonl")
    assert [line[line.index(',"tags"') :] for line in screen.out.splitlines()] == [
        ',"tags":{"Name":"web-2","env":"dev"},"action":null,"error":"not permitted (UnauthorizedOperation)"}',
        ',"tags":{"Name":"web-1","env":"dev"},"action":"stopped"}',
    ]
    assert screen.err == ERROR


def test_outcomes_into_a_pipe() -> None:
    assert outcomes(make_screen(), columns=["id,action"], extra=["action", "error"]).out == (
        "id\taction\ni-00000000000000002\t\ni-00000000000000001\tstopped\n"
    )
    assert outcomes(make_screen(), format="csv").out.splitlines()[0].endswith(",launched_at,action,error")
    assert outcomes(make_screen(), format="ids").out == "us-east-1/i-00000000000000001\n"


def test_rows_on_a_terminal() -> None:
    screen = make_screen(out=True, width=80)
    rows = [{"protocol": "tcp", "from_port": 22, "source": "me\x1b"}, {"protocol": "icmp", "from_port": None}]
    show_records(screen, columns=["protocol", "from_port", "source"], rows=rows)
    assert screen.out == "protocol  from_port  source\ntcp              22  me\\x1b\nicmp              -  -\n"
