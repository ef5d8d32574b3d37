"""What a simulated provider remembers from its start or its last reset on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from parallel_agents.simulator.answers import Answer, Asked, prefix_tokens
from parallel_agents.simulator.callers import Callers
from parallel_agents.simulator.charges import Charges, Used, has_prices
from parallel_agents.simulator.counts import Stats
from parallel_agents.simulator.doors import Door, limiting
from parallel_agents.simulator.faults import FaultQueue
from parallel_agents.simulator.options import Change, Options, conduct_of
from parallel_agents.simulator.pace import Chance
from parallel_agents.simulator.prefixes import PrefixCache, prefix_key
from parallel_agents.simulator.quota import Quota
from parallel_agents.simulator.tokens import RULES


class State:
    """All of it. `clock` gives seconds that never go back."""

    def __init__(self, options: Options, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.conduct = conduct_of(options)
        self.faults = FaultQueue(options.faults)
        self.chance = Chance(options.seed)
        self.quota = Quota()
        self.cache = PrefixCache()
        self.charges = Charges()
        self.callers = Callers()
        self.answers = 0
        self.misfits = 0
        self.asked = 0
        self._doors: dict[tuple[str, str], Door] = {}

    def door(self, protocol: Literal["openai", "anthropic"], model: str) -> Door:
        """Return the door of a model, made when it is first asked for."""
        found = self._doors.get((protocol, model))
        if found is None:
            found = Door(limiting(self.conduct, model), protocol, self.clock())
            self._doors[protocol, model] = found
        return found

    def change(self, change: Change) -> None:
        """Behave otherwise from now on."""
        self.conduct = change.conduct
        if change.clear_faults:
            self.faults = FaultQueue(())
        self.faults.add(change.faults)
        if change.renews_quota:
            self.quota.renew()
        for (_, model), door in self._doors.items():
            door.change(limiting(change.conduct, model), self.clock())

    def is_in_a_wave(self) -> bool:
        """Tell whether the request just counted in `asked` belongs to a wave of refusals."""
        every, length = self.conduct.wave_every, self.conduct.wave_length
        return bool(every and length) and (self.asked - 1) % (every + length) >= every

    def looked_up(self, asked: Asked, answer: Answer, step: int, at: float) -> tuple[Answer, str | None]:
        """Look for the prefix in the cache; returns the answer with what was found, and the prefix to be kept.

        None: it was found, is too short, or may not be kept.
        """
        length, counts = prefix_tokens(asked, self.conduct.token_rule)
        if not asked.may_cache or not self.conduct.cache_ttl_s or length < self.conduct.cache_min_tokens:
            return answer, None
        prefix = prefix_key(asked.model, asked.system, asked.schema_text)
        counts = counts // step * step
        if self.cache.holds(prefix, at, self.conduct.cache_ttl_s):
            return msgspec.structs.replace(answer, cached_input_tokens=counts), None
        # Only Anthropic's protocol knows a price for writing.
        written = counts if step == 1 else 0
        return msgspec.structs.replace(answer, cache_write_tokens=written), prefix

    def charge(self, answer: Answer) -> None:
        """Charge an answer."""
        used = Used(**{name: getattr(answer, name) for name in Used.__struct_fields__})
        self.charges.add(used, self.conduct)

    def filled(self, stats: Stats) -> Stats:
        """Put into the statistics what is known here."""
        used = self.charges.used
        return msgspec.structs.replace(
            stats,
            tokens_rule=RULES[self.conduct.token_rule],
            generated=self.charges.generated,
            misfits=self.misfits,
            input_tokens=used.input_tokens,
            output_tokens=used.output_tokens,
            cached_input_tokens=used.cached_input_tokens,
            cache_write_tokens=used.cache_write_tokens,
            cost_usd=self.charges.cost_usd if has_prices(self.conduct) else None,
            ideal_s=max((door.ideal_s() for door in self._doors.values()), default=None) if stats.answered else None,
            early_returns=self.callers.early_returns(),
            by_client=self.callers.seen(),
        )
