"""Everything that can be configured, as one frozen object with its defaults.

Reading files and environment variables belongs to `parallel_agents.configuration`; this is the shape they give.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

IsolationLevel = Literal["coroutine", "thread", "process", "container"]
Level = Literal["process", "thread", "coroutine"]
"""How attempts share worker processes: not at all, by a thread each, or by a coroutine each."""
LEVELS: tuple[Level, ...] = ("process", "thread", "coroutine")
Guarantee = Literal["memory", "files", "network"]

Positive = Annotated[int, Meta(ge=1)]
Natural = Annotated[int, Meta(ge=0)]
PositiveSeconds = Annotated[float, Meta(gt=0)]
Seconds = Annotated[float, Meta(ge=0)]
Megabytes = Annotated[float, Meta(gt=0)]
Dollars = Annotated[float, Meta(ge=0)]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping of the configuration file; unknown keys are refused."""


class ProcessPool(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where workers live and how long one is kept."""

    pool_type: Literal["process", "thread"] = "process"
    worker_processes: Positive = 8
    max_tasks_per_worker: Natural = 4
    task_timeout_seconds: PositiveSeconds = 120.0
    worker_idle_timeout_seconds: PositiveSeconds = 30.0


class ContextIsolation(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one context may see and use."""

    isolation_level: IsolationLevel = "process"
    context_size_limit_mb: Megabytes = 256.0
    shared_memory_size_mb: Megabytes = 512.0
    context_cleanup_enabled: bool = True
    require: tuple[Guarantee, ...] = ()


class TaskQueue(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Order, room and retries."""

    queue_type: Literal["priority", "fifo", "lifo"] = "priority"
    max_queue_size: Positive = 1000
    priority_levels: Annotated[tuple[str, ...], Meta(min_length=1)] = ("urgent", "high", "normal", "low")
    task_retry_attempts: Natural = 3
    task_retry_delay_seconds: Seconds = 5.0
    ageing_seconds: PositiveSeconds = 60.0
    load_balancing: Literal["least_busy", "round_robin", "weighted"] = "least_busy"


class ErrorHandling(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a failure does to the rest."""

    continue_on_error: bool = True
    error_isolation: bool = True
    fallback_strategy: Literal["fail", "skip", "retry"] = "fail"
    error_notification: bool = True


class PerformanceMonitoring(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is measured and told."""

    enabled: bool = True
    collect_metrics: bool = True
    log_performance_data: bool = True
    alert_on_slow_execution: bool = True
    slow_execution_threshold_seconds: PositiveSeconds = 60.0


class AgentSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of one agent; None leaves the general value in force."""

    max_concurrent: Positive | None = None
    timeout_seconds: PositiveSeconds | None = None
    retry_attempts: Natural | None = None
    context_size_mb: Megabytes | None = None
    isolation_level: IsolationLevel | None = None
    fallback_model: str | None = None


def _specified_agents() -> dict[str, AgentSettings]:
    return {
        "basic-decomposition": AgentSettings(
            max_concurrent=8, timeout_seconds=60, retry_attempts=3, context_size_mb=128
        ),
        "oral-explanation": AgentSettings(max_concurrent=6, timeout_seconds=90, retry_attempts=2, context_size_mb=256),
        "scoring-agent": AgentSettings(max_concurrent=10, timeout_seconds=30, retry_attempts=3, context_size_mb=64),
        "deep-decomposition": AgentSettings(
            max_concurrent=4, timeout_seconds=120, retry_attempts=2, context_size_mb=384
        ),
    }


class ParallelProcessing(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The specification's own section."""

    enabled: bool = True
    default_max_concurrent: Positive = 8
    max_concurrent_limit: Positive = 10
    min_concurrent: Positive = 1
    max_coroutines: Positive = 500
    adaptive_concurrency: bool = False
    process_pool: ProcessPool = ProcessPool()
    context_isolation: ContextIsolation = ContextIsolation()
    task_queue: TaskQueue = TaskQueue()
    error_handling: ErrorHandling = ErrorHandling()
    performance_monitoring: PerformanceMonitoring = PerformanceMonitoring()
    agent_configs: dict[str, AgentSettings] = msgspec.field(default_factory=_specified_agents)

    @property
    def key_of_most_at_once(self) -> Literal["max_coroutines", "max_concurrent_limit"]:
        """The key that bounds the attempts at once at the configured level."""
        level = self.context_isolation.isolation_level
        return "max_coroutines" if level == "coroutine" else "max_concurrent_limit"

    def most_at(self, level: IsolationLevel) -> int:
        """Most attempts at once, over all executions, at a level."""
        return self.max_coroutines if level == "coroutine" else self.max_concurrent_limit

    @property
    def most_at_once(self) -> int:
        """Most attempts at once, over all executions, at the configured level."""
        return self.most_at(self.context_isolation.isolation_level)


class AiomultiprocessSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How aiomultiprocess is used; a change needs a restart."""

    enabled: bool = True
    worker_type: Literal["process", "thread"] = "process"
    max_workers: Positive = 10
    task_queue_size: Positive = 1000
    result_queue_size: Positive = 1000
    worker_timeout: PositiveSeconds = 120.0


class JournalSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where executions are kept; None means the user's state directory."""

    path: str | None = None


class ModelSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one model, or every model of one provider, is reached.

    `api_key_env` names an environment variable; the key itself never stands in a file. Prices are US dollars for a
    million tokens; without the first two they are the published ones.
    """

    base_url: str | None = None
    api_key_env: str | None = None
    timeout_seconds: PositiveSeconds = 120.0
    max_tokens: Positive | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    requests_per_minute: Positive | None = None
    input_tokens_per_minute: Positive | None = None
    output_tokens_per_minute: Positive | None = None
    max_concurrent: Positive | None = None
    input_usd_per_million: Dollars | None = None
    output_usd_per_million: Dollars | None = None
    cached_input_usd_per_million: Dollars | None = None
    cache_write_usd_per_million: Dollars | None = None


class BudgetSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The most that one execution may spend where it is given no budget of its own; None is no limit."""

    usd: Annotated[float, Meta(ge=0, le=1_000_000_000)] | None = None
    tokens: Natural | None = None


class Settings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole configuration. `model` is the model that runs when a command or a call names none.

    With `reuse_results`, a task that was answered before is completed with that result.
    """

    parallel_processing: ParallelProcessing = msgspec.field(default_factory=ParallelProcessing)
    aiomultiprocess_settings: AiomultiprocessSettings = AiomultiprocessSettings()
    journal: JournalSettings = JournalSettings()
    budget: BudgetSettings = BudgetSettings()
    model: str | None = None
    reuse_results: bool = True
    models: dict[str, ModelSettings] = msgspec.field(default_factory=dict[str, ModelSettings])

    def model_settings(self, model: str) -> ModelSettings:
        """Settings for `provider:name`: those of the full name, else of the provider, else the defaults."""
        provider = model.partition(":")[0]
        return self.models.get(model) or self.models.get(provider) or ModelSettings()

    def agent_settings(self, agent: str) -> AgentSettings:
        """Settings for an agent; all None where the configuration has none."""
        return self.parallel_processing.agent_configs.get(agent) or AgentSettings()
