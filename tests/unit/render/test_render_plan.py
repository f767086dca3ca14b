"""What a verb is about to hit."""

from __future__ import annotations

from textwrap import dedent

from render_fakes import Seen, make_screen, server

from ectwo_cli.render.plan import show_plan

ROWS = [
    (server(1), ["root volume vol-1 is deleted", "its address changes"]),
    (server(2, name="evil\x1b[2J", state="stopped"), ["root volume vol-2 is deleted\n", "its address changes"]),
]
PLAN = """
    terminate 2 servers
      region     name         id                   state    type      public_ip  launched_at
      us-east-1  web-1        i-00000000000000001  running  t3.micro  54.0.0.1   3d ago
        ! root volume vol-1 is deleted
      us-east-1  evil\\x1b[2J  i-00000000000000002  stopped  t3.micro  54.0.0.2   3d ago
        ! root volume vol-2 is deleted\\n
    ! its address changes
    ! EBS fees go on
    """


def planned(screen: Seen, **rest: bool) -> Seen:
    show_plan(screen, "terminate 2 servers", ROWS, ["EBS fees go on"], **rest)
    return screen


def test_a_plan_without_a_terminal() -> None:
    screen = planned(make_screen(width=40))
    assert screen.out == ""
    assert screen.err == dedent(PLAN).removeprefix("\n")


def test_a_plan_on_a_wide_terminal() -> None:
    assert planned(make_screen(err=True, width=100)).err == dedent(PLAN).removeprefix("\n")


def test_a_plan_on_a_narrow_terminal() -> None:
    assert planned(make_screen(err=True, width=62)).err == dedent(
        """\
        terminate 2 servers
          name      id                  state   type     public_ip age
          us-east-1
          web-1     i-00000000000000001 running t3.micro 54.0.0.1  3d
            ! root volume vol-1 is deleted
          evil\\x1b… i-00000000000000002 stopped t3.micro 54.0.0.2  3d
            ! root volume vol-2 is deleted\\n
        ! its address changes
        ! EBS fees go on
        """
    )


def test_colors_of_a_plan() -> None:
    screen = make_screen(err=True, width=100, environ={"NO_COLOR": ""})
    show_plan(screen, "stop", [(server(1), ["fees"])])
    assert screen.err.replace("\x1b", "ESC") == (
        "ESC[1mstopESC[0m\n"
        "  ESC[1mregionESC[0m     ESC[1mnameESC[0m   ESC[1midESC[0m                   ESC[1mstateESC[0m    "
        "ESC[1mtypeESC[0m      ESC[1mpublic_ipESC[0m  ESC[1mlaunched_atESC[0m\n"
        "  us-east-1  web-1  i-00000000000000001  ESC[32mrunningESC[0m  t3.micro  54.0.0.1   3d ago\n"
        "    ESC[1;33m!ESC[0m fees\n"
    )


def test_quiet_shows_a_plan_only_to_who_is_asked() -> None:
    assert planned(make_screen(quiet=True)).err == ""
    assert planned(make_screen(quiet=True, err=True, ask=True, width=100)).err != ""
    assert planned(make_screen(quiet=True, err=True, ask=True, width=100), asking=False).err == ""


def test_a_plan_of_nothing() -> None:
    screen = make_screen()
    show_plan(screen, "nothing to do", [])
    assert screen.err == "nothing to do\n"
