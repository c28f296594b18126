"""`uptake corrections`: what was changed, by whom, and whether it worked."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.text import Text
from uptake import Client
from uptake.v1 import correction_pb2, feedback_pb2, insight_pb2

from uptake_service.api.enums import numbers
from uptake_service.cli.listings import first_of
from uptake_service.cli.tables import age, enum_name, one_line, over, two_line_table
from uptake_service.corrections.model import CorrectionState, Verdict

_STATES = numbers(correction_pb2.CorrectionState, "CORRECTION_STATE_", CorrectionState)
_STYLES = {"+": "green", "-": "red", "@": "cyan"}
_VERDICTS = numbers(correction_pb2.Verdict, "VERDICT_", Verdict)


async def show_corrections(
    client: Client, console: Console, *, states: Sequence[str], verdicts: Sequence[str], limit: int
) -> None:
    """Prints corrections in these states and with these verdicts (lower case; none means all), newest first."""
    listing = client.corrections.list(
        filter=correction_pb2.CorrectionFilter(
            states=[_STATES[CorrectionState(state.upper())] for state in states],
            verdicts=[_VERDICTS[Verdict(verdict.upper().replace("-", "_"))] for verdict in verdicts],
        ),
        page_size=limit,
    )
    corrections, has_more = await first_of(listing, limit)
    if not corrections:
        wanted = [" or ".join(choice).replace("-", " ") for choice in (states, verdicts) if choice]
        which = f"no correction is {' and '.join(wanted)}" if wanted else "there are no corrections"
        console.print(f"  {which}: `uptake apply FILE` applies some")
        return
    table = two_line_table("correction, state", "reviewer, age", wide="target, verdict")
    now = datetime.now(UTC)
    for correction in corrections:
        table.add_row(
            over(correction.id, _state(correction)),
            over(one_line(correction.reviewer, 16), age(now - correction.create_time.ToDatetime(UTC))),
            over(
                f"{target_of(correction)}  revision {correction.revision}",
                f"{verdict_name(correction.verdict)}: {one_line(correction.verdict.summary, 600)}",
            ),
        )
    console.print(table)
    if has_more:
        console.print("  and more: raise --limit")


async def show_correction(client: Client, console: Console, id: str) -> None:
    """Prints one correction with its difference, where it comes from and its verdict."""
    correction = await client.corrections.get(id)
    verdict = correction.verdict
    console.print(Text(f"  {target_of(correction)}  revision {correction.revision}", style="bold"))
    applied = f"{correction.create_time.ToDatetime(UTC):%d %b %Y %H:%M} UTC by {one_line(correction.reviewer, 60)}"
    console.print(Text(f"  {_state(correction)}, applied {applied}"))
    if correction.note:
        console.print(Text(f"  note: {one_line(correction.note, 200)}"))
    if correction.review_id:
        console.print(Text(f"  review {correction.review_id}"))
    console.print(Text(f"  {verdict_name(verdict)}: {one_line(verdict.summary, 1000)}"))
    rates = [("before", verdict.baseline), ("after", verdict.later)]
    if verdict.old_answers.votes:
        rates.append(("older answers", verdict.old_answers))
    for name, rate in rates:
        console.print(Text(f"    {name:<14}  {rate.negative_rate:>4.0%} of {rate.votes:,} votes negative"))
    show_difference(console, correction)


def show_difference(console: Console, correction: correction_pb2.Correction) -> None:
    """Prints what a correction changed, without the names of the revisions."""
    for line in correction.diff.split("\n")[2:]:
        # Only what could steer a terminal is taken out: here white space matters.
        plain = "".join(character if character.isprintable() else " " for character in line.expandtabs(4))
        console.print(Text(f"  {plain}", style=_STYLES.get(line[:1], "")), soft_wrap=True)


def verdict_name(verdict: correction_pb2.VerdictReport) -> str:
    return enum_name(correction_pb2.Verdict.Name(verdict.verdict), "VERDICT_")


def target_of(correction: correction_pb2.Correction | insight_pb2.MeasuredCorrection) -> str:
    """What a correction changed, on one line: "knowledge KEY" or "instructions NAME"."""
    knowledge = correction.kind == feedback_pb2.CORRECTION_KIND_KNOWLEDGE
    return f"{'knowledge' if knowledge else 'instructions'} {one_line(correction.target, 60)}"


def _state(correction: correction_pb2.Correction) -> str:
    return enum_name(correction_pb2.CorrectionState.Name(correction.state), "CORRECTION_STATE_")
