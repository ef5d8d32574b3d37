"""What can go wrong at a provider, on order."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Kind = Literal[
    "rate_limit",
    "quota",
    "billing",
    "auth",
    "forbidden",
    "model_gone",
    "invalid",
    "too_large",
    "error",
    "overloaded",
    "malformed",
    "empty",
    "prose",
    "cut",
    "hang",
]

STATUS: dict[Kind, int] = {
    "rate_limit": 429,
    "quota": 429,
    "billing": 402,
    "auth": 401,
    "forbidden": 403,
    "model_gone": 404,
    "invalid": 400,
    "too_large": 413,
    "error": 500,
    "overloaded": 529,
    "malformed": 200,
    "empty": 200,
    "prose": 200,
}


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the next `count` calls get instead of an answer.

    `matching` limits it to calls whose prompt holds that text, `model` to those of that model. `retry_after_s` sends a
    Retry-After header (in milliseconds where it is not a whole number of seconds), `retry_after` sends the header as
    written. `message` is the error's text, `status` replaces the usual one. `malformed` and `empty` answer 200 with a
    body that is no JSON, or JSON without an answer in it; `prose` answers in due form and says `message` instead of
    what was asked for; `cut` closes the connection, `hang` never answers.
    """

    kind: Kind
    count: Annotated[int, Meta(ge=1)] = 1
    matching: str = ""
    model: str = ""
    retry_after_s: Annotated[float, Meta(ge=0)] | None = None
    retry_after: str | None = None
    message: str | None = None
    status: int | None = None

    @property
    def http_status(self) -> int:
        """The status it answers with; 0 where it gives no answer."""
        return self.status or STATUS.get(self.kind, 0)

    def pause_s(self) -> float | None:
        """Return the seconds that the headers ask for; None where they ask for none, or give a date."""
        stated = self.retry_after
        if stated is None:
            return self.retry_after_s
        return float(stated) if stated.isdecimal() else None

    def headers(self) -> dict[str, str]:
        """Return the headers that ask for a pause."""
        if self.retry_after is not None:
            return {"Retry-After": self.retry_after}
        if self.retry_after_s is None:
            return {}
        if self.retry_after_s.is_integer():
            return {"Retry-After": f"{self.retry_after_s:.0f}"}
        return {"Retry-After-Ms": f"{self.retry_after_s * 1000:.0f}"}


class FaultQueue:
    """Faults still due, in the order they were ordered."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self._due = list(faults)

    def add(self, faults: tuple[Fault, ...]) -> None:
        """Order more."""
        self._due.extend(faults)

    def take(self, prompt: str, model: str) -> Fault | None:
        """Take the first fault that fits a call with this prompt to this model."""
        for place, fault in enumerate(self._due):
            if fault.matching in prompt and fault.model in {"", model}:
                if fault.count > 1:
                    self._due[place] = msgspec.structs.replace(fault, count=fault.count - 1)
                else:
                    del self._due[place]
                return fault
        return None
