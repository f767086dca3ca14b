"""What became of the pairs, and what would: as rows, and as the results of a plan that is not carried out."""

from __future__ import annotations

from collections.abc import Sequence

from ectwo_cli.migration.events import Result
from ectwo_cli.migration.plan import Action, Plan, encryption
from ectwo_cli.migration.results import CopyRow


def rows(results: Sequence[Result]) -> list[CopyRow]:
    """The copies of a summary."""
    return [
        CopyRow(
            region=result.destination,
            name=result.name,
            id=result.id,
            state=result.state,
            source=result.source,
            seconds=None if result.seconds is None else round(result.seconds, 1),
            action=result.action,
            bytes=result.bytes,
            encryption=result.encryption,
            attempts=result.attempts,
            reason=result.reason,
            problems=[*result.problems, *(result.verify or ())],
            instance_id=result.instance_id,
        )
        for result in results
    ]


def plan_results(plan: Plan) -> list[Result]:
    """The pairs of a plan that is not carried out."""
    states = {Action.COPY: "planned", Action.FIX: "planned", Action.ADOPT: "planned", Action.SKIP: "skipped"}
    return [
        Result(
            source=pair.source.label,
            destination=pair.region,
            name=pair.desired.name,
            id=pair.id,
            snapshots=tuple({"source": part.id, "id": None, "bytes": part.bytes} for part in pair.source.parts),
            action=pair.action.value,
            state=states.get(pair.action, pair.action.value),
            seconds=None,
            attempts=0,
            reason=pair.reason,
            fix=pair.fix,
            verify=None,
            bytes=pair.source.bytes,
            encryption=encryption(pair),
        )
        for pair in plan.pairs
    ]
