"""Results of executions on canvases: what would be put there, putting it there, and taking it off again."""

from parallel_agents.landing.incremental import Incremental
from parallel_agents.landing.places import refuse_unwritable
from parallel_agents.landing.reports import Applied, Outcome, Refused, Reverted, Review
from parallel_agents.landing.service import CanvasLandings

__all__ = ["Applied", "CanvasLandings", "Incremental", "Outcome", "Refused", "Reverted", "Review", "refuse_unwritable"]
