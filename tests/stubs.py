"""Stubs for channels of asyncio. What a stub makes for such a channel only its types know by another name."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uptake.v1.feedback_pb2_grpc import FeedbackServiceAsyncStub as FeedbackServiceStub
    from uptake.v1.insight_pb2_grpc import InsightServiceAsyncStub as InsightServiceStub
    from uptake.v1.issue_pb2_grpc import IssueServiceAsyncStub as IssueServiceStub
    from uptake.v1.review_pb2_grpc import ReviewServiceAsyncStub as ReviewServiceStub
else:
    from uptake.v1.feedback_pb2_grpc import FeedbackServiceStub
    from uptake.v1.insight_pb2_grpc import InsightServiceStub
    from uptake.v1.issue_pb2_grpc import IssueServiceStub
    from uptake.v1.review_pb2_grpc import ReviewServiceStub

__all__ = ["FeedbackServiceStub", "InsightServiceStub", "IssueServiceStub", "ReviewServiceStub"]
