"""Model calls: what an agent asks, what it gets, and who makes the call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

from parallel_agents.core.budget import Amount, Budget
from parallel_agents.core.errors import LaneClosedError
from parallel_agents.core.outcome import CallTotals

Role = Literal["user", "assistant"]


class Message(msgspec.Struct, frozen=True):
    """One turn of a conversation."""

    role: Role
    content: str


class OutputSchema(msgspec.Struct, frozen=True):
    """The JSON Schema an answer must fit; `name` is the contract's name."""

    name: str
    json_schema: dict[str, Any]


class ModelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One call as an agent makes it. The model itself is chosen outside the agent.

    `contract` (`sub_questions`, `explanation`, `score` or an agent's own), `inputs` (the task's input) and `sections`
    (headings that a Markdown answer must have) say what the call is for; they are for providers that are not language
    models and are not sent over a network. None for `max_tokens` and `temperature` leaves them to the configuration
    and the provider.
    """

    messages: tuple[Message, ...]
    system: str = ""
    output: OutputSchema | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    contract: str | None = None
    inputs: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])
    sections: tuple[str, ...] = ()


class ModelResponse(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. Token counts are the provider's own figures, None where it gave none.

    `cached_input_tokens` and `cache_write_tokens` are parts of `input_tokens`: read from the provider's cache of
    prompts, and written to it. `cost_usd` is what the answer cost, None where its price or its tokens are not known.
    `replayed` is set when the answer came from the ledger, so that nobody was asked (and
    paid) again.
    """

    text: str
    model: str
    is_language_model: bool
    finish_reason: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    cost_usd: float | None = None
    duration_ms: float = 0.0
    replayed: bool = False


class ModelClient(Protocol):
    """`context.model`: how an agent asks a model."""

    async def complete(
        self,
        prompt: str | Sequence[Message],
        *,
        system: str = "",
        output: OutputSchema | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
        contract: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        sections: Sequence[str] = (),
    ) -> ModelResponse:
        """Ask the model that was chosen for this execution.

        Raises:
            TransientError: the provider could not answer, even after the gateway's own tries.
            ItemError: the provider refuses this request.
            UnscoredError: the model cannot judge.
        """
        ...


class Caller(Protocol):
    """On whose behalf a call is made: one attempt."""

    key: int
    attempt: int
    execution_id: str
    model: str
    totals: CallTotals

    def next_ordinal(self, request_hash: str) -> int:
        """Count the calls of this attempt with this hash, from 0: the same request asked twice is two calls."""
        ...

    def waiting(self, is_waiting: bool) -> None:
        """Tell that the call waits for its lane (the attempt's clock stands still) or goes on."""
        ...


class Gateway(Protocol):
    """Makes model calls for every worker.

    An answer is in the journal's ledger before it is handed over. A call that the ledger already answers is not made.
    A call in flight survives its worker's death: the same call of the task's next attempt joins it.
    """

    def check(self, model: str | None) -> str:
        """Return the full name of a usable model. Raises `ModelError` with the choices and how to set them."""
        ...

    async def start(self, models: Sequence[str]) -> None:
        """Get ready for calls to these models (imports, connections)."""
        ...

    async def call(self, request: ModelRequest, caller: Caller) -> ModelResponse:
        """Answer one call. Adds what it saw to `caller.totals`.

        Raises:
            ItemError, TransientError, UnscoredError: for the agent.
            LaneClosedError: the lane takes no calls; for the engine, which hands the attempt back uncharged.
            BudgetSpentError: the execution's budget does not cover it; for the engine, in the same way.
        """
        ...

    def fund(self, execution_id: str, budget: Budget, spent: Amount) -> None:
        """Hold the calls of an execution to a budget from now on.

        `spent` is what it has cost so far, for a gateway that knows nothing of it; one that does goes by what it knows.
        """
        ...

    def end_funding(self, execution_id: str) -> None:
        """Forget the budget of an execution that has ended."""
        ...

    def may_start(self, model: str, running: int) -> bool:
        """Tell whether one more attempt that calls this model may start beside the `running` ones that do.

        An attempt that is refused would only wait for its lane, and hold a worker meanwhile.
        """
        ...

    def closed(self, model: str) -> LaneClosedError | None:
        """Return why the lane of this model takes no calls; None while it takes some, if only one to probe it."""
        ...

    def probe_first(self, model: str) -> None:
        """Let one call of this model through, and the others once it was answered."""
        ...

    def watch(self, listener: Callable[[], None]) -> None:
        """Call `listener` on the event loop whenever `may_start` or `closed` may answer otherwise than before."""
        ...

    async def abandon(self, key: int) -> None:
        """Drop the calls in flight of a task that timed out or was cancelled."""
        ...

    async def aclose(self) -> None:
        """Drop every call in flight and close connections. Safe to call twice."""
        ...
