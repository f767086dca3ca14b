"""A result in the format asked for: many records, one, the bare values of one, what became of targets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ectwo_cli.model import R, Resource, record
from ectwo_cli.query import Query, default_key
from ectwo_cli.render import data
from ectwo_cli.render.screen import Screen
from ectwo_cli.render.text import cell, escaped, tsv_cell
from ectwo_cli.render.values import state_style
from ectwo_cli.render.view import Field, View, check_format, fields, names, split_columns

if TYPE_CHECKING:
    from ectwo_cli.outcome import Outcome

Found = TypeVar("Found", bound=Resource, covariant=True)


class Page(Protocol[Found]):
    """What a region gave at once; ``more`` when it has further pages."""

    @property
    def items(self) -> Sequence[Found]: ...

    @property
    def more(self) -> bool: ...


def show(screen: Screen, view: View[R], pages: Iterable[Page[R]], query: Query[R]) -> int:
    """The records of all pages; how many were shown.

    ``jsonl`` writes each page as it comes. ``csv`` does, too, once a page has said that more of its region follow;
    up to there it gathers, so that small fleets are in order and large ones take no memory. The other formats, and
    these too when a sort or a limit was asked for, gather all.
    """
    if query.is_ordered or view.format not in ("jsonl", "csv"):
        items = query.order(item for page in pages for item in page.items)
        _show_items(screen, view, fields(view.cls, names(view)), items, view.cls.kind.plural)
        return len(items)
    write = _jsonl_pages if view.format == "jsonl" else _csv_pages
    return write(screen, view, pages, query)


def _jsonl_pages(screen: Screen, view: View[R], pages: Iterable[Page[R]], query: Query[R]) -> int:
    chosen = fields(view.cls, names(view))
    count = 0
    for page in pages:
        if page.items:
            data.write_jsonl(screen, data.records(chosen, page.items))
            count += len(page.items)
    return count


def _csv_pages(screen: Screen, view: View[R], pages: Iterable[Page[R]], query: Query[R]) -> int:
    chosen = fields(view.cls, names(view))
    count = 0
    gathered: list[R] = []
    streaming = False
    _header(screen, view.format, view.header, chosen)
    for page in pages:
        count += len(page.items)
        gathered.extend(page.items)
        streaming = streaming or page.more
        if streaming and gathered:
            data.write_csv(screen, data.cells(chosen, query.order(gathered)))
            gathered.clear()
    data.write_csv(screen, data.cells(chosen, query.order(gathered)))
    return count


def show_one(screen: Screen, view: View[R], item: R, extra: Mapping[str, Any] | None = None) -> None:
    """One resource with all its properties: an object in JSON; on a terminal a sheet of names and values.

    ``extra`` are more values to show after the properties. Into a pipe, ``table`` is NAME, tab, VALUE on each line.
    """
    chosen = [*fields(view.cls, names(view, everything=True)), *_keys(extra or {})]
    whole = SimpleNamespace(**record(item), **(extra or {}))
    if view.format == "ids":
        data.write_ids(screen, [item])
    elif view.format in ("table", "wide"):
        _sheet(screen, chosen, whole)
    else:
        _show_object(screen, view.format, view.header, view.query, chosen, whole)


def show_values(screen: Screen, item: Resource, names: Sequence[str]) -> None:
    """The values of properties and nothing else, one a line; of a list, one element a line; tags as KEY=VALUE."""
    for field in fields(type(item), names):
        for line in _lines_of(field.get(item)):
            screen.write((escaped(line) if screen.out_is_terminal else line) + "\n")
    screen.flush()


def show_outcomes(screen: Screen, view: View[R], outcomes: Sequence[Outcome[R]]) -> None:
    """What became of each target: its properties, ``action``, and on failure ``error``, in the order of ``find``.

    Failures are on stderr too, each with its hint. ``ids`` are of those that did not fail, for the next verb.
    """
    ordered = sorted(outcomes, key=lambda each: default_key(each.item))
    failed = [each for each in ordered if each.failed]
    details = dict.fromkeys(key for each in ordered for key in each.details)
    chosen = _outcome_fields(
        view, tuple(details), for_people=screen.out_is_terminal and view.format in ("table", "wide")
    )
    if view.format == "ids":
        data.write_ids(screen, [each.item for each in ordered if not each.failed])
    elif ordered or view.format not in ("table", "wide"):
        _show_items(screen, view, chosen, ordered, view.cls.kind.plural)
    for each in failed:
        screen.error(str(each.error), code=each.code, hint=each.hint, where=label(each.item))


def show_records(
    screen: Screen,
    *,
    columns: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    format: str = "table",
    header: bool = True,
    query: str | None = None,
    ids: str | None = None,
    plural: str = "records",
    chosen: Sequence[str] | None = None,
) -> None:
    """Rows that are no resources: rules of a group, checks, events, prices. ``columns`` are their keys, in order.

    ``ids`` is the column that ``-o ids`` prints; ``chosen`` those asked for by ``--columns``, None for all.
    Raises UsageError for a column that is none, and for ``ids`` where there are none.
    """
    from ectwo_cli.errors import UsageError, nearest

    check_format(format)
    wanted = split_columns(chosen) or tuple(columns)
    for name in wanted:
        if name not in columns:
            raise UsageError(f"there is no column {name!r}", hint=nearest(name, columns))
    if format == "ids":
        if ids is None:
            raise UsageError(f"{plural} have no IDs, so there is no -o ids")
        for row in rows:
            screen.write(f"{escaped(cell(row.get(ids)))}\n")
        screen.flush()
        return
    _show_rows(screen, format, header, query, [_key(name, rows) for name in wanted], rows, plural)


def show_json(screen: Screen, value: Any) -> None:
    """Any JSON-like value as it is (EC2's own element, a final document), times as ISO 8601."""
    data.write_json_value(screen, value)


def show_text(screen: Screen, text: str) -> None:
    """Text of many lines as it is; on a terminal with its control characters written out."""
    if screen.out_is_terminal:
        text = "".join(f"{escaped(line)}\n" for line in text.splitlines())
    screen.write(text if text.endswith("\n") or not text else text + "\n")
    screen.flush()


def label(item: Resource) -> str:
    """A resource in a sentence: ``web-1 (us-east-1/i-0abc)``."""
    name = getattr(item, "name", None)
    target = data.target(item)
    return f"{name} ({target})" if name and name != getattr(item, item.kind.id) else target


# One list, seven formats


def _show_items(screen: Screen, view: View[R], chosen: Sequence[Field], items: Sequence[Any], plural: str) -> None:
    if view.format == "ids":
        data.write_ids(screen, items)
    else:
        _show_rows(screen, view.format, view.header, view.query, chosen, items, plural)


def _show_rows(
    screen: Screen,
    format: str,
    header: bool,
    query: str | None,
    chosen: Sequence[Field],
    items: Sequence[Any],
    plural: str,
) -> None:
    if format in ("json", "yaml") and query is not None:
        found = data.queried(list(data.records(chosen, items)), query)
        (data.write_json_value if format == "json" else data.write_yaml_value)(screen, found)
    elif format == "json":
        data.write_json(screen, data.json_objects(chosen, items))
    elif format == "jsonl":
        data.write_jsonl(screen, data.records(chosen, items))
    elif format == "yaml":
        data.write_yaml(screen, data.records(chosen, items))
    elif format == "csv":
        _header(screen, format, header, chosen)
        data.write_csv(screen, data.cells(chosen, items))
    elif format == "tsv":
        _header(screen, format, header, chosen)
        data.write_tsv(screen, data.cells(chosen, items))
    else:
        _table(screen, chosen, items, header, plural)


def _show_object(
    screen: Screen, format: str, header: bool, query: str | None, chosen: Sequence[Field], item: Any
) -> None:
    if format in ("csv", "tsv"):
        _show_rows(screen, format, header, None, chosen, [item], "")
        return
    (value,) = data.records(chosen, [item])
    if format == "jsonl":
        data.write_jsonl(screen, [value])
        return
    found = data.queried(value, query) if query is not None else value
    (data.write_json_value if format == "json" else data.write_yaml_value)(screen, found)


def _header(screen: Screen, format: str, header: bool, chosen: Sequence[Field]) -> None:
    if header:
        (data.write_csv if format == "csv" else data.write_tsv)(screen, [[each.name for each in chosen]])


# Tables


def _table(screen: Screen, chosen: Sequence[Field], items: Sequence[Any], header: bool, plural: str) -> None:
    if not items and (screen.out_is_terminal or screen.err_is_terminal):
        screen.note(f"no {plural} found")
    if screen.out_is_terminal:
        if items:
            _terminal_table(screen, chosen, items, header)
    elif screen.color_out:
        _colored_tsv(screen, chosen, items, header)
    else:
        _header(screen, "tsv", header, chosen)
        data.write_tsv(screen, data.cells(chosen, items))


def _terminal_table(screen: Screen, chosen: Sequence[Field], items: Sequence[Any], header: bool) -> None:
    from ectwo_cli.render.console import out_text
    from ectwo_cli.render.grid import Grid, layout

    now = screen.clock()
    plan = layout(chosen, items, screen.width, now, header=header)
    screen.write(out_text(screen, Grid(plan, items, now, header)))
    screen.flush()
    if plan.dropped:
        count = len(plan.dropped)
        what = "1 column does" if count == 1 else f"{count} columns do"
        screen.note(f"{what} not fit: {', '.join(plan.dropped)} (choose with --columns, or -o json)")


def _colored_tsv(screen: Screen, chosen: Sequence[Field], items: Sequence[Any], header: bool) -> None:
    """Into a pipe with FORCE_COLOR: the same lines, but for the colors, and for a terminal at the far end."""
    codes = {"green": "32", "yellow": "33", "red": "31", "dim": "2"}

    def colored(field: Field, item: Any) -> str:
        value = field.get(item)
        text = escaped(tsv_cell(cell(value)))
        code = codes.get(state_style(field.name, value))
        return f"\x1b[{code}m{text}\x1b[0m" if code else text

    if header:
        screen.write("\t".join(f"\x1b[1m{escaped(each.name)}\x1b[0m" for each in chosen) + "\n")
    for item in items:
        screen.write("\t".join(colored(each, item) for each in chosen) + "\n")
    screen.flush()


def _sheet(screen: Screen, chosen: Sequence[Field], item: Any) -> None:
    if not screen.out_is_terminal:
        data.write_tsv(screen, ([each.name, cell(each.get(item))] for each in chosen))
        return
    from ectwo_cli.render.console import out_text
    from ectwo_cli.render.sheet import Sheet

    screen.write(out_text(screen, Sheet(chosen, item, screen.clock(), screen.width)))
    screen.flush()


# What a field reads from


def _keys(extra: Mapping[str, Any]) -> list[Field]:
    def reader(name: str) -> Callable[[Any], Any]:
        return lambda item: getattr(item, name)

    return [Field(name, type(value), reader(name)) for name, value in extra.items()]


def _key(name: str, rows: Sequence[Mapping[str, Any]]) -> Field:
    kinds = {type(value) for row in rows if (value := row.get(name)) is not None}
    only = kinds.pop() if len(kinds) == 1 else str
    return Field(name, only, lambda row: row.get(name), name in ("region", "id") or name.endswith(("_id", "_ip")))


def _outcome_fields(view: View[R], details: Sequence[str], *, for_people: bool) -> list[Field]:
    """The fields of an Outcome: those of its resource, and its own; ``details`` in formats that show everything."""

    def of_item(get: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda outcome: get(outcome.item)

    own = {
        "action": Field("action", str, lambda each: "failed" if for_people and each.failed else each.action),
        "error": Field("error", str, _error_text, optional=view.columns is None),
    }
    own |= {name: Field(name, str, _detail(name)) for name in (*details, *view.extra) if name not in own}
    wanted = [name for name in names(view) if name not in own] if view.columns is None else list(view.columns)
    if view.columns is None:
        wanted += details if view.format in ("wide", "json", "jsonl", "yaml") else []
        wanted += ["action"] if for_people else ["action", "error"]
    made: list[Field] = []
    for name in wanted:
        if name in own:
            made.append(own[name])
        else:
            (field,) = fields(view.cls, [name])
            made.append(Field(name, field.type, of_item(field.get), field.is_id))
    return made


def _detail(name: str) -> Callable[[Any], Any]:
    return lambda outcome: outcome.details.get(name)


def _error_text(outcome: Outcome[Any]) -> str | None:
    if outcome.error is None or outcome.code is None or outcome.code in outcome.error:
        return outcome.error
    return f"{outcome.error} ({outcome.code})"


def _lines_of(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield f"{key}={cell(part)}"
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield cell(part)
    else:
        yield cell(value)
