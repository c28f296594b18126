"""The report as one HTML page that needs nothing from anywhere else."""

from datetime import UTC
from pathlib import Path

import jinja2
import plotly.graph_objects as go
import plotly.io
from markupsafe import Markup
from plotly.offline import get_plotlyjs
from uptake.v1 import correction_pb2, feedback_pb2, issue_pb2, review_pb2

from uptake_service.cli.issues import trend
from uptake_service.cli.report import plots
from uptake_service.cli.report.gather import Report
from uptake_service.cli.report.layout import positions
from uptake_service.cli.tables import enum_name, one_line
from uptake_service.embedding.embedders import Embedders

_WORDS = 300


def render(report: Report, embedders: Embedders) -> str:
    """The page. All users' words in it are escaped, and its own policy keeps it from loading anything."""
    measured = [each for each in report.corrections if each.verdict.baseline.votes or each.verdict.later.votes]
    places = positions(embedders, [_says(issue) for issue in report.issues])
    figures = {
        "rates": plots.rates(report.series) if report.insights.metrics.total_feedback else None,
        "models": plots.groups(report.models) if len(report.models) > 1 else None,
        "issues": plots.issue_bars(report.issues) if report.issues else None,
        "map": plots.issue_map(report.issues, places) if len(report.issues) > 1 else None,
        "reviews": plots.reviews(report.reviews) if report.reviews else None,
        "verdicts": plots.verdicts(measured) if measured else None,
    }
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "line": lambda text, longest=_WORDS: one_line(text, longest),
        "name": _name,
        "trend": trend,
        "day": lambda time: f"{time.ToDatetime(UTC):%d %b %Y}",
        "moment": lambda time: f"{time.ToDatetime(UTC):%d %b %Y %H:%M} UTC",
    }
    return environment.get_template("page.html.j2").render(
        report=report,
        insights=report.insights,
        metrics=report.insights.metrics,
        figures={name: _html(name, figure) for name, figure in figures.items() if figure is not None},
        script=Markup(get_plotlyjs()),  # noqa: S704 - plotly's own.
    )


def _says(issue: issue_pb2.Issue) -> str:
    return " ".join([issue.title, *issue.keywords, issue.representative.text])


def _html(name: str, figure: go.Figure) -> Markup:
    # The figure is JSON in a script, in which plotly escapes what could end it.
    return Markup(  # noqa: S704
        plotly.io.to_html(
            figure,
            include_plotlyjs=False,
            full_html=False,
            div_id=f"plot-{name}",
            config={"displayModeBar": False, "responsive": True},
        )
    )


def _name(message: object, field: str) -> str:
    """The value of an enum field as words."""
    kinds = {
        (issue_pb2.Issue, "state"): (issue_pb2.IssueState, "ISSUE_STATE_"),
        (review_pb2.Review, "state"): (review_pb2.ReviewState, "REVIEW_STATE_"),
        (review_pb2.Review, "priority"): (review_pb2.ReviewPriority, "REVIEW_PRIORITY_"),
        (correction_pb2.Correction, "state"): (correction_pb2.CorrectionState, "CORRECTION_STATE_"),
        (correction_pb2.Correction, "kind"): (feedback_pb2.CorrectionKind, "CORRECTION_KIND_"),
        (correction_pb2.VerdictReport, "verdict"): (correction_pb2.Verdict, "VERDICT_"),
    }
    enum, prefix = kinds[type(message), field]
    return enum_name(enum.Name(getattr(message, field)), prefix)
