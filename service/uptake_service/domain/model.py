"""The base of what travels between servicers and stores."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Immutable, and checked when it is made. Fields that it does not know it leaves out: what is stored may have been
    written by a later version. That ours are spelled right mypy's plugin checks."""

    # Errors come into the log, and what users said does not.
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """As pydantic's, which would take a name that is no field for one."""
        unknown = (update or {}).keys() - type(self).model_fields.keys()
        if unknown:
            raise TypeError(f"{type(self).__name__} has no fields {sorted(unknown)}")
        return super().model_copy(update=update, deep=deep)
