"""What the gateway's lanes let start: which agents are held back, and by which model an attempt would run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from parallel_agents.core.errors import LaneClosedError
from parallel_agents.core.execution import AgentRecord, models_of
from parallel_agents.engine.limits import Limits
from parallel_agents.engine.live import LiveExecution
from parallel_agents.ports.models import Gateway


class Lanes:
    """Asks the gateway on behalf of agents. One without a model is never held back."""

    def __init__(self, gateway: Gateway, limits: Limits) -> None:
        self._gateway = gateway
        self._limits = limits
        self._has_refused = False

    def model_of(self, agent: AgentRecord) -> str | None:
        """The model that an attempt of this agent would call now: the fallback while only the other lane is closed."""
        if agent.model is None or agent.fallback_model is None or self._gateway.closed(agent.model) is None:
            return agent.model
        return agent.model if self._gateway.closed(agent.fallback_model) is not None else agent.fallback_model

    def may_start(self, agent: AgentRecord) -> bool:
        """Tell whether one more attempt of this agent may start, as far as its lane goes."""
        model = self.model_of(agent)
        may = model is None or self._gateway.may_start(model, self._limits.calling(model))
        self._has_refused |= not may
        return may

    def take_refused(self) -> bool:
        """Tell whether an attempt was refused since this was asked last."""
        refused, self._has_refused = self._has_refused, False
        return refused

    def closed(self, agent: AgentRecord) -> LaneClosedError | None:
        """Why no attempt of this agent may start until its lane opens; None where one may."""
        model = self.model_of(agent)
        return None if model is None else self._gateway.closed(model)

    def closed_for(self, live: LiveExecution) -> Mapping[str, LaneClosedError]:
        """The agents of an execution whose lanes are closed, and why."""
        found = {name: self.closed(agent) for name, agent in live.agents.items()}
        return {name: error for name, error in found.items() if error is not None}

    async def ask_again(self, agents: Iterable[AgentRecord]) -> None:
        """Let the lanes of these agents take calls again, one call first."""
        models = models_of(agents)
        await self._gateway.start(models)
        for model in models:
            self._gateway.probe_first(model)
