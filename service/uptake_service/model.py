"""The base of what travels between servicers and stores."""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Immutable, and checked when it is made."""

    model_config = ConfigDict(frozen=True, extra="forbid")
