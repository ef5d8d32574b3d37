"""What tasks will likely cost and take, from what others like them did. Every figure says what it stands on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from statistics import fmean, median, stdev

import msgspec

from parallel_agents.core.prices import Pricing, Tokens
from parallel_agents.core.schedule import Job, Slots, makespan_s

# Student's t for 80 % of the cases, by the number of observations less one; from the last on as for the normal curve.
_T80 = (3.078, 1.886, 1.638, 1.533, 1.476, 1.44, 1.415, 1.397, 1.383, 1.372)
_NORMAL80 = 1.282
# One observation shows no spread at all: the range then goes from half of it to twice.
_UNSEEN = math.log(2)
_ROUNDS = 41
_MOST_DRAWS = 200_000


class Source(StrEnum):
    """What a figure stands on."""

    PILOT = "pilot"
    EARLIER = "earlier_results"
    CONTRACT = "contract"
    REQUEST = "request"
    NO_MODEL = "no_language_model"
    UNKNOWN = "unknown"


class Basis(msgspec.Struct, frozen=True, kw_only=True):
    """What a figure stands on, and how many tasks were observed for it."""

    source: Source
    tasks: int = 0


UNKNOWN = Basis(source=Source.UNKNOWN)


class Range(msgspec.Struct, frozen=True):
    """A figure: likely, and what it stays between in four of five cases."""

    low: float
    likely: float
    high: float

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.likely + other.likely, self.high + other.high)

    def __mul__(self, times: float) -> Range:
        return Range(self.low * times, self.likely * times, self.high * times)


ZERO = Range(0.0, 0.0, 0.0)


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """What one task did that has ended, all of its attempts together. None is what nobody told.

    `foreseen_input` are the tokens that one call of it was estimated to send, `busy_s` how long it held a slot without
    waiting for its lane.
    """

    calls: int
    foreseen_input: int | None
    input_tokens: int | None
    output_tokens: int | None
    busy_s: float | None


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """The tasks of one agent, and what is known of it.

    `inputs` are the estimated input tokens of each task, in the submitted order; None where nobody can say what the
    agent sends. `contract_output` are the output tokens of one task that its contract asks for. `ratios` are observed
    ones of counted to estimated input tokens, of any agent with this model. `pricing` is None where the price is
    unknown. `has_no_model` is for what calls no language model, and therefore costs nothing;
    `may_cost` for what somebody may have to pay for.
    """

    agent: str
    model: str | None
    inputs: tuple[int | None, ...]
    observed: tuple[Observed, ...] = ()
    observed_by: Source = Source.EARLIER
    ratios: tuple[float, ...] = ()
    contract_output: Range | None = None
    pricing: Pricing | None = None
    has_no_model: bool = False
    may_cost: bool = False


class AgentForecast(msgspec.Struct, frozen=True, kw_only=True):
    """What the tasks of one agent will likely need; None is unknown, never nothing."""

    agent: str
    model: str | None
    tasks: int
    input_tokens: Range | None
    input_basis: Basis
    output_tokens: Range | None
    output_basis: Basis
    cost_usd: Range | None
    is_priced: bool
    may_cost: bool
    seconds_a_task: Range | None
    seconds_basis: Basis
    repaired_share: float | None


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch will likely need. A sum is None where a part of it is unknown. Costs are US dollars.

    `reused` are the positions in the batch of the tasks that have the result of an earlier one: they need nothing, and
    `tasks` does not count them.
    """

    tasks: int
    agents: tuple[AgentForecast, ...]
    input_tokens: Range | None
    output_tokens: Range | None
    cost_usd: Range | None
    duration_s: Range | None
    max_concurrent: int
    reused: frozenset[int] = frozenset()

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Models whose price nobody knows."""
        found = [one.model for one in self.agents if one.model is not None and not one.is_priced]
        return tuple(dict.fromkeys(found))


def forecast(works: Sequence[Work], slots: Slots, at: float) -> Forecast:
    """Foretell a batch that is submitted at this time (seconds since the epoch, for prices that depend on it)."""
    agents = tuple(_of_agent(work, at) for work in works)
    return Forecast(
        tasks=sum(one.tasks for one in agents),
        agents=agents,
        input_tokens=_sum([one.input_tokens for one in agents]),
        output_tokens=_sum([one.output_tokens for one in agents]),
        cost_usd=_sum([one.cost_usd for one in agents]),
        duration_s=_duration(works, agents, slots),
        max_concurrent=slots.at_once,
    )


def spread(observed: Sequence[float], number: int) -> Range | None:
    """The sum of `number` values like the observed ones; None where none was observed.

    The range covers the spread between values and that their mean is known from a few only. It is as many times below
    the likely sum as above it.
    """
    if not observed:
        return None
    mean, seen = fmean(observed), len(observed)
    likely = mean * number
    if number == 0 or mean == 0:
        return Range(likely, likely, likely)
    if seen == 1:
        share = _UNSEEN
    else:
        share = _t80(seen) * stdev(observed) / abs(mean) * math.sqrt(1 / number + 1 / seen)
        # What so few have not shown may still come: three equal ones are no proof that all are equal.
        share = max(share, 0.5 / (seen + 1))
    return Range(likely / math.exp(share), likely, likely * math.exp(share))


def _of_agent(work: Work, at: float) -> AgentForecast:
    number = len(work.inputs)
    inputs, input_basis = _inputs(work)
    outputs, output_basis = _outputs(work)
    seconds = [one.busy_s for one in work.observed if one.busy_s is not None]
    return AgentForecast(
        agent=work.agent,
        model=work.model,
        tasks=number,
        input_tokens=inputs,
        input_basis=input_basis,
        output_tokens=outputs,
        output_basis=output_basis,
        cost_usd=_cost(work, inputs, outputs, at),
        is_priced=work.has_no_model or work.pricing is not None,
        may_cost=work.may_cost,
        seconds_a_task=_quantiles(seconds),
        seconds_basis=_basis(work, seconds),
        repaired_share=_repaired(work),
    )


def _inputs(work: Work) -> tuple[Range | None, Basis]:
    if work.has_no_model:
        return ZERO, Basis(source=Source.NO_MODEL)
    known = [one for one in work.inputs if one is not None]
    if len(known) < len(work.inputs):
        seen = [float(one.input_tokens) for one in work.observed if one.input_tokens is not None]
        return spread(seen, len(work.inputs)), _basis(work, seen)
    own = [
        one.input_tokens / one.foreseen_input
        for one in work.observed
        if one.input_tokens is not None and one.foreseen_input
    ]
    basis = _basis(work, own) if own else Basis(source=Source.EARLIER, tasks=len(work.ratios))
    ratio = spread(own or work.ratios, len(known))
    if ratio is not None and known:
        return ratio * (sum(known) / len(known)), basis
    # An estimate by characters is a third off, easily, with a tokenizer that nobody has seen at work.
    likely = float(sum(known))
    return Range(likely / 1.5, likely, likely * 1.5), Basis(source=Source.REQUEST)


def _outputs(work: Work) -> tuple[Range | None, Basis]:
    if work.has_no_model:
        return ZERO, Basis(source=Source.NO_MODEL)
    seen = [float(one.output_tokens) for one in work.observed if one.output_tokens is not None]
    if seen:
        return spread(seen, len(work.inputs)), _basis(work, seen)
    if work.contract_output is None:
        return None, UNKNOWN
    return work.contract_output * len(work.inputs), Basis(source=Source.CONTRACT)


def _cost(work: Work, inputs: Range | None, outputs: Range | None, at: float) -> Range | None:
    number, pricing = len(work.inputs), work.pricing
    if work.has_no_model:
        return ZERO
    if pricing is None or inputs is None or outputs is None or not number:
        return None

    def of_one(sent: float, got: float) -> float:
        # By the task, not by the batch: a price may depend on the size of a request.
        return number * pricing.cost_usd(Tokens(input=round(sent / number), output=round(got / number)), at)

    return Range(*(of_one(*pair) for pair in zip(_parts(inputs), _parts(outputs), strict=True)))


def _parts(figure: Range) -> tuple[float, float, float]:
    return figure.low, figure.likely, figure.high


def _basis(work: Work, seen: Sequence[float]) -> Basis:
    return Basis(source=work.observed_by, tasks=len(seen)) if seen else UNKNOWN


def _repaired(work: Work) -> float | None:
    seen = [one.calls for one in work.observed if one.calls]
    return sum(calls > 1 for calls in seen) / len(seen) if seen else None


def _quantiles(values: Sequence[float]) -> Range | None:
    if not values:
        return None
    ordered = sorted(values)
    return Range(_quantile(ordered, 0.1), median(ordered), _quantile(ordered, 0.9))


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _sum(parts: Sequence[Range | None]) -> Range | None:
    total = ZERO
    for part in parts:
        if part is None:
            return None
        total += part
    return total


def _duration(works: Sequence[Work], agents: Sequence[AgentForecast], slots: Slots) -> Range | None:
    if not works:  # all of the batch was answered before
        return ZERO
    if any(one.seconds_a_task is None for one in agents):
        return None
    number = sum(one.tasks for one in agents)
    rounds = max(5, min(_ROUNDS, _MOST_DRAWS // max(1, number)))
    draw = _draws()
    spans = sorted(
        makespan_s([job for pair in zip(works, agents, strict=True) for job in _jobs(*pair, draw)], slots)
        for _ in range(rounds)
    )
    # How far a mean of so few may be off moves the whole batch one way, which no schedule of theirs shows.
    share = max(_mean_share([one.busy_s for one in work.observed if one.busy_s is not None]) for work in works)
    return Range(_quantile(spans, 0.1) / math.exp(share), median(spans), _quantile(spans, 0.9) * math.exp(share))


def _jobs(work: Work, agent: AgentForecast, draw: Callable[[], float]) -> Iterator[Job]:
    seen = [one for one in work.observed if one.busy_s is not None]
    for _ in work.inputs:
        one = seen[int(draw() * len(seen))]
        yield Job(
            busy_s=one.busy_s or 0.0,
            agent=work.agent,
            lane=work.model or "",
            calls=one.calls,
            input_tokens=_each(agent.input_tokens, agent.tasks),
            output_tokens=_each(agent.output_tokens, agent.tasks),
        )


def _each(total: Range | None, number: int) -> float:
    return 0.0 if total is None else total.likely / number


def _mean_share(values: Sequence[float]) -> float:
    if len(values) < 2:
        return _UNSEEN
    mean = fmean(values)
    return _t80(len(values)) * stdev(values) / mean / math.sqrt(len(values)) if mean else 0.0


def _t80(seen: int) -> float:
    return _T80[seen - 2] if seen - 2 < len(_T80) else _NORMAL80


def _draws() -> Callable[[], float]:
    """Numbers in [0, 1), the same every time: a plan that is asked for twice says the same."""
    state = 0x9E3779B97F4A7C15

    def draw() -> float:
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (state >> 11) / 2**53

    return draw
