"""A provider on a simulated clock, with limits of its own and the headers that go with them; and who calls it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.models.parts import Attempt, DictLedger
from tests.models.simulated_time import epoch

from parallel_agents.core.errors import AttemptError
from parallel_agents.core.rates import TokenBucket
from parallel_agents.core.settings import ModelSettings, Settings
from parallel_agents.models import ModelGateway
from parallel_agents.models.failures import classed, refusal_from
from parallel_agents.models.headers import limits_from
from parallel_agents.models.providers import Completed
from parallel_agents.ports.models import Message, ModelRequest, ModelResponse

MODEL = "openai:simulated"
ENVIRON = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}


def clock() -> float:
    return asyncio.get_running_loop().time()


@dataclass(kw_only=True)
class Server:
    """Answers after `latency_s`, give or take `jitter_s`; both halves of the way take half of the jitter."""

    requests_per_minute: float | None = None
    burst: float = 20
    at_once: int | None = None
    latency_s: float = 0.2
    jitter_s: float = 0.0
    capacity: int | None = None
    says_limits: bool = True
    retry_after_s: float | None = None
    quota: int | None = None
    is_down: bool = False
    resumes_at: float | None = None
    output_tokens: int = 40
    lane: str = MODEL
    seed: int = 0
    times: list[float] = field(default_factory=list[float])
    refused: list[tuple[float, str, float]] = field(default_factory=list[tuple[float, str, float]])
    prompts: list[str] = field(default_factory=list[str])
    statuses: list[int] = field(default_factory=list[int])
    in_flight: int = 0
    peak: int = 0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.bucket: TokenBucket | None = None

    async def complete(self, request: ModelRequest) -> Completed:
        prompt = request.messages[0].content
        await asyncio.sleep(self.jitter_s / 2 * self.chance.random())
        self.times.append(clock())
        self.prompts.append(prompt)
        headers = self._admit(prompt)
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            load = 1.0 if self.capacity is None else max(1.0, self.in_flight / self.capacity)
            await asyncio.sleep(self.latency_s * load + self.jitter_s / 2 * self.chance.random())
        finally:
            self.in_flight -= 1
        self.statuses.append(200)
        answer = ModelResponse(
            text="yes", model=MODEL, is_language_model=True, input_tokens=9, output_tokens=self.output_tokens
        )
        return Completed(answer, limits_from(headers, epoch()))

    async def aclose(self) -> None:
        pass

    def _admit(self, prompt: str) -> Mapping[str, str]:
        if self.is_down:
            raise self._error(500, {}, "internal_error")
        if self.quota == 0:
            pause = {} if self.resumes_at is None else {"retry-after": f"{self.resumes_at - epoch():.0f}"}
            raise self._error(429, pause, "insufficient_quota")
        if self.at_once is not None and self.in_flight >= self.at_once:
            raise self._refusal(prompt, self.retry_after_s)
        headers = self._take(prompt)
        if self.quota is not None:
            self.quota -= 1
        return headers

    def _take(self, prompt: str) -> Mapping[str, str]:
        if self.requests_per_minute is None:
            return {}
        if self.bucket is None:
            self.bucket = TokenBucket(per_s=self.requests_per_minute / 60, capacity=self.burst, at=clock())
        if (missing_s := self.bucket.delay_s(1, clock())) > 0:
            raise self._refusal(prompt, missing_s)
        self.bucket.take(1, clock())
        return self._limits()

    def _limits(self) -> dict[str, str]:
        if not self.says_limits or self.bucket is None or self.requests_per_minute is None:
            return {}
        left = self.bucket.level(clock())
        return {
            "x-ratelimit-limit-requests": f"{self.requests_per_minute:.0f}",
            "x-ratelimit-remaining-requests": f"{int(left)}",
            "x-ratelimit-reset-requests": f"{(self.burst - left) / self.bucket.per_s * 1000:.0f}ms",
        }

    def _refusal(self, prompt: str, pause_s: float | None) -> AttemptError:
        pause = {} if pause_s is None else {"retry-after-ms": f"{pause_s * 1000:.0f}"}
        self.refused.append((clock(), prompt, pause_s or 0.0))
        return self._error(429, {**self._limits(), **pause}, "rate_limit_exceeded")

    def _error(self, status: int, headers: Mapping[str, str], code: str) -> AttemptError:
        self.statuses.append(status)
        body = {"error": {"message": "no", "code": code}}
        return classed(refusal_from(self.lane, status, headers, body, ""), epoch())

    def came_back_early(self) -> list[str]:
        """The refused prompts that were asked again before their pause was over."""
        asked = list(zip(self.times, self.prompts, strict=True))
        return [
            prompt
            for at, prompt, pause_s in self.refused
            if any(again == prompt and at < when < at + pause_s - 1e-3 for when, again in asked)
        ]


@asynccontextmanager
async def gateway_to(server: Server, *models: str, **chosen: float) -> AsyncGenerator[ModelGateway]:
    gateway = ModelGateway(
        Settings(models={"openai": ModelSettings(timeout_seconds=3600, **chosen)}),  # pyright: ignore[reportArgumentType]
        DictLedger(),
        now=epoch,
        random=lambda: 0.0,
        environ=ENVIRON,
        build=lambda model, settings, environ, now: server,
    )
    await gateway.start(models or (MODEL,))
    try:
        yield gateway
    finally:
        await gateway.aclose()


def question(text: str) -> ModelRequest:
    return ModelRequest(messages=(Message("user", text),))


class Engine:
    """Starts attempts as the engine does: as many as it may, as soon as the lane would take one more."""

    def __init__(self, gateway: ModelGateway, *, most: int = 1000) -> None:
        self.gateway = gateway
        self.most = most
        self.running = 0
        self.peak = 0
        self.attempts: list[Attempt] = []
        self._changed = asyncio.Event()
        gateway.watch(self._changed.set)

    async def run(self, tasks: int) -> float:
        """Run tasks of one call each; returns the seconds it took."""
        began = clock()
        async with asyncio.TaskGroup() as group:
            for number in range(tasks):
                while self.running >= self.most or not self.gateway.may_start(MODEL, self.running):
                    self._changed.clear()
                    await self._changed.wait()
                self.running += 1
                self.peak = max(self.peak, self.running)
                group.create_task(self._attempt(number))
        return clock() - began

    async def _attempt(self, number: int) -> None:
        attempt = Attempt(MODEL, number + 1, 1)
        self.attempts.append(attempt)
        try:
            await self.gateway.call(question(f"task {number}"), attempt)
        finally:
            self.running -= 1
            self._changed.set()
