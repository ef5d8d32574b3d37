"""How the results of an agent land on a canvas: what its file says, and what follows from its contract."""

from __future__ import annotations

from parallel_agents.agents.spec import AgentSpec, Explanation, Score, SubQuestions, Table, Text, Verification
from parallel_agents.core.forms import Form

QUESTIONS_LABEL = "基础拆解问题"
DEEP_QUESTIONS_LABEL = "深度拆解"
EXPLANATION_LABEL = "补充解释"
EXPLANATION_EMOJI = "💡"


def form_of(spec: AgentSpec) -> Form | None:
    """The form of an agent's results; None where it has no output contract, so that nobody knows what they hold.

    Its `landing` goes before the defaults, which are its title, else its name, and what learners are used to.
    """
    told = spec.landing
    title = told.title or spec.title or spec.name
    match spec.output:
        case SubQuestions():
            is_deep = "material" not in spec.reads
            label = told.label or (DEEP_QUESTIONS_LABEL if is_deep else QUESTIONS_LABEL)
            return Form(kind="questions", title=title, emoji=told.emoji or "", label=label, is_deep=is_deep)
        case Explanation() | Text() | Table():
            emoji, label = told.emoji or EXPLANATION_EMOJI, told.label or EXPLANATION_LABEL
            return Form(kind="explanation", title=title, emoji=emoji, label=label)
        case Verification():
            return Form(kind="board", title=title, emoji=told.emoji or "", label=told.label or "")
        case Score():
            return Form(kind="score", title=title)
        case None:
            return None
