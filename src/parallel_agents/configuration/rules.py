"""Rules between keys, each told with the place of both."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from typing import TypeAlias

import msgspec

from parallel_agents.configuration.layer import KeyPath, Layer, dotted
from parallel_agents.core.settings import IsolationLevel, Settings

VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

PROVIDERS = ("openai", "anthropic")

PROCESSING = ("parallel_processing",)
DEFAULT_CONCURRENT = (*PROCESSING, "default_max_concurrent")
CONCURRENT_LIMIT = (*PROCESSING, "max_concurrent_limit")
MIN_CONCURRENT = (*PROCESSING, "min_concurrent")
POOL_TYPE = (*PROCESSING, "process_pool", "pool_type")
ISOLATION_LEVEL = (*PROCESSING, "context_isolation", "isolation_level")
SIZE_LIMIT = (*PROCESSING, "context_isolation", "context_size_limit_mb")
PRIORITY_LEVELS = (*PROCESSING, "task_queue", "priority_levels")
WORKER_TYPE = ("aiomultiprocess_settings", "worker_type")
PRICES = (
    "input_usd_per_million",
    "output_usd_per_million",
    "cached_input_usd_per_million",
    "cache_write_usd_per_million",
)
MAX_WORKERS = ("aiomultiprocess_settings", "max_workers")


class Conflict(msgspec.Struct, frozen=True):
    """A value that breaks a rule. `other` is the key that it does not go together with, where the rule has two.

    `value` is empty where it had better not be shown.
    """

    path: KeyPath
    value: str
    problem: str
    hint: str
    other: KeyPath | None = None


Rule: TypeAlias = Callable[[Settings], Iterator[Conflict]]


def conflicts(settings: Settings) -> Iterator[Conflict]:
    """Find every rule that is broken."""
    for rule in RULES:
        yield from rule(settings)


def oversized(settings: Settings) -> list[str]:
    """List agents with a memory budget of their own above the general one, one sentence each."""
    limit = settings.parallel_processing.context_isolation.context_size_limit_mb
    found: list[str] = []
    for name, agent in settings.parallel_processing.agent_configs.items():
        if agent.context_size_mb is not None and agent.context_size_mb > limit:
            key = dotted((*PROCESSING, "agent_configs", name, "context_size_mb"))
            found.append(
                f"{key} is {agent.context_size_mb:g}, more than {dotted(SIZE_LIMIT)}, {limit:g}: "
                "the agent's own value holds"
            )
    return found


def misnamed(settings: Settings) -> list[str]:
    """List names that most likely nobody goes by: of a provider that there is not, or nearly that of an agent."""
    found: list[str] = []
    shipped = list(Settings().parallel_processing.agent_configs)
    for name in settings.parallel_processing.agent_configs:
        close = [] if name in shipped else difflib.get_close_matches(name, shipped, n=1)
        if close:
            key = dotted((*PROCESSING, "agent_configs", name))
            found.append(
                f"{key} is no agent that ships, and nearly {close[0]!r}: only an agent of that very name is meant"
            )
    for name in settings.models:
        if name.partition(":")[0] not in PROVIDERS:
            key = dotted(("models", name))
            found.append(f"{key} sets up nothing: the providers are {', '.join(PROVIDERS)}")
    return found


def own_levels(settings: Settings) -> Iterator[tuple[KeyPath, IsolationLevel]]:
    """The agents that have an isolation level of their own, by the path of its key."""
    for name, agent in settings.parallel_processing.agent_configs.items():
        if agent.isolation_level is not None:
            yield (*PROCESSING, "agent_configs", name, "isolation_level"), agent.isolation_level


def place(path: KeyPath, layer: Layer) -> str:
    """Say where a key got its value."""
    origin = layer.origins.get(path)
    return "its default" if origin is None else f"in {origin}"


def _default_within_limit(settings: Settings) -> Iterator[Conflict]:
    processing = settings.parallel_processing
    value, limit, key = processing.default_max_concurrent, processing.most_at_once, processing.key_of_most_at_once
    if value > limit:
        problem = f"is more than {dotted((*PROCESSING, key))}, {limit}"
        yield Conflict(DEFAULT_CONCURRENT, str(value), problem, "Lower it or raise the limit.", (*PROCESSING, key))


def _minimum_within_default(settings: Settings) -> Iterator[Conflict]:
    value, default = settings.parallel_processing.min_concurrent, settings.parallel_processing.default_max_concurrent
    if value > default:
        problem = f"is more than {dotted(DEFAULT_CONCURRENT)}, {default}"
        yield Conflict(MIN_CONCURRENT, str(value), problem, "Lower it or raise the default.", DEFAULT_CONCURRENT)


def _limit_within_workers(settings: Settings) -> Iterator[Conflict]:
    value, workers = settings.parallel_processing.max_concurrent_limit, settings.aiomultiprocess_settings.max_workers
    level = settings.parallel_processing.context_isolation.isolation_level
    if level in {"process", "container"} and value > workers:
        problem = f"is more than {dotted(MAX_WORKERS)}, {workers}"
        hint = "Every attempt needs a worker of its own: lower the limit or raise max_workers."
        yield Conflict(CONCURRENT_LIMIT, str(value), problem, hint, MAX_WORKERS)


def _worker_type_agrees(settings: Settings) -> Iterator[Conflict]:
    pool, workers = settings.parallel_processing.process_pool.pool_type, settings.aiomultiprocess_settings.worker_type
    if pool != workers:
        problem = f"disagrees with {dotted(WORKER_TYPE)}, {workers}"
        yield Conflict(POOL_TYPE, pool, problem, "Give both the same value.", WORKER_TYPE)


def _level_within_pool(settings: Settings) -> Iterator[Conflict]:
    level = settings.parallel_processing.context_isolation.isolation_level
    pool = settings.parallel_processing.process_pool.pool_type
    if pool == "thread" and level in {"process", "container"}:
        problem = f"is stricter than {dotted(POOL_TYPE)} {pool} can give"
        hint = "Choose the level thread or coroutine, or the pool type process."
        yield Conflict(ISOLATION_LEVEL, level, problem, hint, POOL_TYPE)
    for path, own in own_levels(settings):
        if pool == "thread" and own == "process":
            problem = f"is stricter than {dotted(POOL_TYPE)} {pool} can give"
            hint = "Choose the level thread or coroutine, or the pool type process."
            yield Conflict(path, own, problem, hint, POOL_TYPE)


def _levels_are_distinct(settings: Settings) -> Iterator[Conflict]:
    levels = settings.parallel_processing.task_queue.priority_levels
    for index, level in enumerate(levels):
        here = (*PRIORITY_LEVELS, index)
        if not level.strip():
            yield Conflict(here, repr(level), "is a level without a name", "Give it a name or remove it.")
        elif level in levels[:index]:
            first = (*PRIORITY_LEVELS, levels.index(level))
            problem = f"is the same level as {dotted(first)}"
            yield Conflict(here, repr(level), problem, "Keep one of the two.", first)


def _key_is_named(settings: Settings) -> Iterator[Conflict]:
    for name, model in settings.models.items():
        if model.api_key_env is not None and not VARIABLE_NAME.fullmatch(model.api_key_env):
            # The value is not shown: most likely it is the key itself.
            hint = "Put the key into a variable and name that variable here."
            yield Conflict(("models", name, "api_key_env"), "", "is not the name of an environment variable", hint)


def _prices_are_whole(settings: Settings) -> Iterator[Conflict]:
    """Half a price would be silently passed over for the published one."""
    for name, model in settings.models.items():
        prices = {key: getattr(model, key) for key in PRICES}
        missing = next((key for key in PRICES[:2] if prices[key] is None), None)
        given = next((key for key in PRICES if prices[key] is not None), None)
        if missing is not None and given is not None:
            problem = f"is no price without {missing}"
            hint = "Give both, input and output, or neither."
            yield Conflict(("models", name, given), f"{prices[given]:g}", problem, hint)


RULES: tuple[Rule, ...] = (
    _default_within_limit,
    _minimum_within_default,
    _limit_within_workers,
    _worker_type_agrees,
    _level_within_pool,
    _levels_are_distinct,
    _key_is_named,
    _prices_are_whole,
)
