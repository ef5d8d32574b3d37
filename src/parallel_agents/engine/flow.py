"""What is on its way between the engine and its workers, and how much of it there may be."""

from __future__ import annotations

from parallel_agents.core.settings import Settings

MB = 1024 * 1024


class Flow:
    """Counts attempts handed to the pool and not yet begun, and the bytes of inputs and results on their way.

    An input is on its way from the hand-over until its attempt has ended, a result until it is written down. Neither
    bound stops what is on its way already: beyond it, no more is handed over.
    """

    def __init__(self, *, max_unstarted: int, max_mb: float) -> None:
        self.max_unstarted = max_unstarted
        self.max_mb = max_mb
        self._unstarted: set[int] = set()
        self._bytes: dict[int, int] = {}
        self._total = 0

    @property
    def has_room(self) -> bool:
        """Whether one more attempt may be handed over."""
        return len(self._unstarted) < self.max_unstarted and self._total < self.max_mb * MB

    def handed_over(self, key: int, input_bytes: int) -> None:
        """The pool has the attempt of the task with this key."""
        self._unstarted.add(key)
        self._weigh(key, input_bytes)

    def began(self, key: int) -> None:
        """A worker has it."""
        self._unstarted.discard(key)

    def lent(self, key: int) -> None:
        """It waits for others, which must not wait for its input to be out of the way."""
        self._weigh(key, 0)

    def back(self, key: int, input_bytes: int) -> None:
        """It goes on."""
        self._weigh(key, input_bytes)

    def ended(self, key: int, result_bytes: int) -> None:
        """It has ended, with a result of this size."""
        self._unstarted.discard(key)
        self._weigh(key, result_bytes)

    def settled(self, key: int) -> None:
        """Its end is written down."""
        self._total -= self._bytes.pop(key)

    def _weigh(self, key: int, size: int) -> None:
        self._total += size - self._bytes.get(key, 0)
        self._bytes[key] = size


def flow_of(settings: Settings) -> Flow:
    """The bounds that the settings give."""
    return Flow(
        max_unstarted=settings.aiomultiprocess_settings.task_queue_size,
        max_mb=settings.parallel_processing.context_isolation.shared_memory_size_mb,
    )
