"""The least that a service can do with a call."""

from uptake.v1 import feedback_pb2 as pb
from uptake.v1 import feedback_pb2_grpc


class EchoServicer(feedback_pb2_grpc.FeedbackServiceServicer):
    """Answers CollectFeedback with the feedback sent."""

    async def CollectFeedback(  # noqa: N802  The name is the contract's.
        self, request: pb.CollectFeedbackRequest, context: object
    ) -> pb.CollectFeedbackResponse:
        return pb.CollectFeedbackResponse(feedback=request.feedback)
