"""Settings have the same bounds in the contract and in the domain."""

from collections.abc import Iterable
from typing import Any, get_args, get_origin

import pytest
from buf.validate import validate_pb2
from google.protobuf.message import Message
from uptake.v1 import project_pb2
from uptake_service.domain.model import Model
from uptake_service.domain.project import Redaction, Retention, ReviewPolicy


@pytest.mark.parametrize(
    ("message", "model"),
    [
        (project_pb2.ReviewPolicy, ReviewPolicy),
        (project_pb2.Retention, Retention),
        (project_pb2.Redaction, Redaction),
    ],
)
def test_settings_have_the_same_bounds_in_the_contract_and_in_the_domain(
    message: type[Message], model: type[Model]
) -> None:
    """The domain keeps its own: settings are read from the database too."""
    assert set(model.model_fields) == set(message.DESCRIPTOR.fields_by_name)
    for name, field in model.model_fields.items():
        kept = _domain_bounds(field.metadata)
        item = get_args(field.annotation)[0] if get_origin(field.annotation) is tuple else None
        for info in get_args(item)[1:]:
            kept |= {f"items.{bound}": value for bound, value in _domain_bounds(info.metadata).items()}
        assert _contract_bounds(_rules_of(message.DESCRIPTOR.fields_by_name[name])) == kept, name


def _contract_bounds(found: Any) -> dict[str, Any]:
    """The bounds of a field by their names in the domain."""
    kind = found.WhichOneof("type")
    if kind is None:
        return {}
    names = {"gte": "ge", "gt": "gt", "lte": "le", "max_len": "max_length", "max_items": "max_length"}
    bounds: dict[str, Any] = {}
    for bound, value in getattr(found, kind).ListFields():
        if bound.name == "items":
            bounds |= {f"items.{name}": of_item for name, of_item in _contract_bounds(value).items()}
        # That no item is there twice, and that an enum has a number, the domain checks by other means.
        elif bound.name not in ("unique", "defined_only"):
            bounds[names.get(bound.name, bound.name)] = value.ToTimedelta() if kind == "duration" else value
    return bounds


def _domain_bounds(metadata: Iterable[Any]) -> dict[str, Any]:
    names = ("ge", "gt", "le", "lt", "max_length", "pattern")
    return {name: getattr(each, name) for each in metadata for name in names if getattr(each, name, None) is not None}


def _rules_of(field: Any) -> Any:
    # The stubs do not type extensions.
    return field.GetOptions().Extensions[validate_pb2.field]
