"""`citywatch trace-goods`: cases and deliveries in, the nodes that explain the cases out, origins before customers."""

from collections.abc import Iterator, Mapping
from math import inf
from pathlib import Path

import click

from citywatch.interop.tables.read import TERMINAL, Table, read_table
from citywatch.interop.tables.visit_files import DAY, minutes
from citywatch.interop.tables.write import STANDARD_OUTPUT, Cell, refuse_unwritable, write_table
from citywatch.mechanisms.errors import Refusal
from citywatch.science.goods import IllAt, Movement, Source
from citywatch.science.goods import trace_goods as trace
from citywatch.server.cli.tabular import TabularCommand

COLUMNS = ("rank", "node", "is_origin", "cases_downstream", "share", "reason")
YES = frozenset({"y", "yes", "是", "1", "true"})


@click.command("trace-goods", cls=TabularCommand)
@click.option("--cases", required=True, type=click.Path(path_type=Path), help="case_id,node[,onset][,group].")
@click.option(
    "--movements", required=True, type=click.Path(path_type=Path), help="from_node,to_node[,sent,received,batch]."
)
@click.option(
    "--nodes", default=None, type=click.Path(path_type=Path), help="node[,cross_contamination,kill_step], yes or no."
)
@click.option("--out", default=STANDARD_OUTPUT, metavar="FILE", help="CSV, XLSX or Parquet by suffix, or -.")
def trace_goods(cases: Path, movements: Path, nodes: Path | None, out: str) -> None:
    """Rank the nodes of a supply chain by the cases whose goods can have come through them.

    Deliveries are walked backward in time from where each case bought or ate. An origin (nobody supplies it) comes
    before its own customers. What is sent to every shop, with or without cases, explains little.
    """
    refuse_unwritable(out)
    ill = _cases(read_table(cases, limits=TERMINAL))
    moved = _movements(read_table(movements, limits=TERMINAL))
    mixing, killing = _nodes(read_table(nodes, limits=TERMINAL)) if nodes else (frozenset(), frozenset())
    known = {m.origin for m in moved} | {m.target for m in moved}
    strangers = sorted({case.node for case in ill} - known)
    if len(strangers) == len({case.node for case in ill}):
        sentence = (
            f"{cases.name}: none of its nodes ({', '.join(strangers[:3])}, …) is in {movements.name}; "
            "node must be a name of from_node or to_node."
        )
        raise Refusal(sentence)
    if strangers:
        click.echo(
            f"{len(strangers)} nodes with cases have no delivery on record: {', '.join(strangers[:5])}.", err=True
        )
    found = trace(ill, moved, mixing=mixing, killing=killing)
    write_table(out, COLUMNS, _lines(found, len({case.case for case in ill})))


def _cases(table: Table) -> list[IllAt]:
    table.refuse_problems()
    for name in ("case_id", "node"):
        table.position(name)
    found: dict[tuple[str, str], IllAt] = {}
    for number, cells in table.records():
        _need(table, number, cells, "case_id")
        _need(table, number, cells, "node")
        onset = _time(table, number, cells, "onset", end=True)
        one = IllAt(cells["case_id"], cells["node"], inf if onset is None else onset, cells.get("group", ""))
        found.setdefault((one.case, one.node), one)
    if not found:
        sentence = f"{table.name}: there is no case in it; give one row per case."
        raise Refusal(sentence)
    return list(found.values())


def _movements(table: Table) -> list[Movement]:
    table.refuse_problems()
    for name in ("from_node", "to_node"):
        table.position(name)
    found = []
    for number, cells in table.records():
        _need(table, number, cells, "from_node")
        _need(table, number, cells, "to_node")
        sent = _time(table, number, cells, "sent")
        received = _time(table, number, cells, "received")
        if sent is not None and received is not None and _latest(cells["received"], received) < sent:
            sentence = (
                f"{table.name} row {number} column received: {cells['received']} is before it was sent, "
                f"{cells['sent']}; mend the date or leave it empty."
            )
            raise Refusal(sentence)
        # One time stands for both ends: what was sent on a day may have come that day, and the other way round.
        arrived = received if received is not None else sent
        left = sent if sent is not None else received
        found.append(
            Movement(
                cells["from_node"],
                cells["to_node"],
                inf if left is None else _latest(cells["sent"] or cells["received"], left),
                -inf if arrived is None else arrived,
                cells.get("batch", ""),
            )
        )
    return found


def _nodes(table: Table) -> tuple[frozenset[str], frozenset[str]]:
    table.refuse_problems()
    table.position("node")

    def flagged(column: str) -> frozenset[str]:
        return frozenset(cells["node"] for _, cells in table.records() if cells.get(column, "").casefold() in YES)

    return flagged("cross_contamination"), flagged("kill_step")


def _need(table: Table, number: int, cells: Mapping[str, str], column: str) -> None:
    if not cells[column]:
        sentence = f"{table.name} row {number} column {column}: it is empty; every row needs it."
        raise Refusal(sentence)


def _time(table: Table, number: int, cells: Mapping[str, str], column: str, *, end: bool = False) -> int | None:
    told = cells.get(column, "")
    if not told:
        return None
    try:
        return minutes(told, end=end)[0]
    except (ValueError, TypeError) as error:
        sentence = (
            f"{table.name} row {number} column {column}: '{told}' is no time; write 2020-06-11 or 2020-06-11T08:30."
        )
        raise Refusal(sentence) from error


def _latest(told: str, minute: int) -> int:
    """A date alone reaches to the end of its day: what came in the morning can be sent on at night."""
    return minute + DAY - 1 if len(told.strip()) <= 10 else minute


def _lines(found: tuple[Source, ...], total: int) -> Iterator[tuple[Cell, ...]]:
    first = {source.node: rank for rank, source in enumerate(found, start=1)}
    leader = next((source for source in found if source.origin), None)
    for rank, source in enumerate(found, start=1):
        reason = _reason(source, total, first, leader)
        yield rank, source.node, source.origin, len(source.cases), source.share, reason


def _reason(source: Source, total: int, rank: Mapping[str, int], leader: Source | None) -> str:
    told = [f"Goods from here can have reached {len(source.cases)} of {total} cases"]
    if source.quiet_points:
        told.append(f"; it also supplies {source.quiet_points} selling points without a case")
    told.append(".")
    if source.groups:
        each = ", ".join(f"{found} of {of} in {name}" for name, (found, of) in source.groups.items())
        told.append(f" By group: {each}.")
    if source.origin:
        told.append(" Nobody supplies it on record.")
        if leader is not None and source is not leader and source.adds:
            told.append(f" It explains {source.adds} cases that no origin above it does.")
    elif source.upstream:
        best = sorted(source.upstream, key=lambda node: rank[node])
        told.append(f" It is supplied from {', '.join(best[:3])}{' and others' if len(best) > 3 else ''}.")
    if source.crosses:
        told.append(" Reached through a node where batches mix.")
    if source.kills:
        told.append(" A kill step here clears its suppliers.")
    return "".join(told)
