"""CorrectionService, which a later version of the service answers."""

from uptake.v1 import correction_pb2_grpc

from uptake_service.rpc.calls import not_implemented


class CorrectionServicer(correction_pb2_grpc.CorrectionServiceServicer):
    ApplyCorrections = not_implemented("ApplyCorrections")
    GetCorrection = not_implemented("GetCorrection")
    ListCorrections = not_implemented("ListCorrections")
    RevertCorrection = not_implemented("RevertCorrection")
    SearchKnowledge = not_implemented("SearchKnowledge")
    GetInstructions = not_implemented("GetInstructions")
    ListInstructionRevisions = not_implemented("ListInstructionRevisions")
