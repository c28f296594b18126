"""Policies of projects that several tests need."""

from datetime import timedelta

from uptake import Client
from uptake.v1 import project_pb2


async def by_rate_alone(client: Client) -> None:
    """Reviews open by the rate alone, also where all of a small project is bad and nothing stands out."""
    policy = project_pb2.ReviewPolicy(trigger_rule=project_pb2.TRIGGER_RULE_RATE)
    await client.projects.update(project_pb2.ProjectSettings(review_policy=policy), ["review_policy.trigger_rule"])


async def evidence_of_a_year(client: Client) -> None:
    """What occurred within a year opens reviews, not what occurred within the last month."""
    policy = project_pb2.ReviewPolicy()
    policy.evidence_age.FromTimedelta(timedelta(days=365))
    await client.projects.update(project_pb2.ProjectSettings(review_policy=policy), ["review_policy.evidence_age"])
