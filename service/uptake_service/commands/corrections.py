"""`uptake corrections`: what was changed, by whom, and whether it worked."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from uptake import Client
from uptake.v1 import correction_pb2, feedback_pb2

from uptake_service.commands.tables import age, enum_name, one_line, over, two_line_table
from uptake_service.corrections.model import CorrectionState
from uptake_service.rpc.enums import numbers

_STATES = numbers(correction_pb2.CorrectionState, "CORRECTION_STATE_", CorrectionState)


async def show_corrections(client: Client, console: Console, *, states: Sequence[str], limit: int) -> None:
    """Prints corrections in these states (lower case; none means all), newest first."""
    listing = client.corrections.list(
        filter=correction_pb2.CorrectionFilter(states=[_STATES[CorrectionState(state.upper())] for state in states]),
        page_size=limit,
    )
    corrections: list[correction_pb2.Correction] = []
    async for correction in listing:
        corrections.append(correction)
        if len(corrections) > limit:
            break
    if not corrections:
        which = f"no correction is {' or '.join(states)}" if states else "there are no corrections"
        console.print(f"  {which}: `uptake apply FILE` applies some")
        return
    table = two_line_table("correction, state", "reviewer, age", wide="target, verdict")
    now = datetime.now(UTC)
    for correction in corrections[:limit]:
        state = enum_name(correction_pb2.CorrectionState.Name(correction.state), "CORRECTION_STATE_")
        verdict = enum_name(correction_pb2.Verdict.Name(correction.verdict.verdict), "VERDICT_")
        table.add_row(
            over(correction.id, state),
            over(one_line(correction.reviewer, 16), age(now - correction.create_time.ToDatetime(UTC))),
            over(
                f"{target_of(correction)}  revision {correction.revision}",
                f"{verdict}: {one_line(correction.verdict.summary, 200)}",
            ),
        )
    console.print(table)
    if len(corrections) > limit:
        console.print("  and more: raise --limit")


def target_of(correction: correction_pb2.Correction) -> str:
    """What a correction changed, on one line: "knowledge KEY" or "instructions NAME"."""
    knowledge = correction.kind == feedback_pb2.CORRECTION_KIND_KNOWLEDGE
    return f"{'knowledge' if knowledge else 'instructions'} {one_line(correction.target, 60)}"
