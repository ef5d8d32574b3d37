"""Outputs as models really give them: each is accepted or refused as its line says, and nothing is made up."""

from __future__ import annotations

from collections import Counter

import pytest
from tests.agents.corpus.lines import Line, invented, lines, spec_of

from parallel_agents.agents.contract import Problems, check

CORPUS = lines()
IDS = [f"{line.agent}: {line.name}" for line in CORPUS]


@pytest.mark.parametrize("line", CORPUS, ids=IDS)
def test_an_output_is_taken_or_refused_as_its_line_says(line: Line) -> None:
    spec = spec_of(line.agent)
    assert spec.output is not None
    allowed = {**line.given, "": spec.prompt}
    if line.verdict == "accepted":
        output = check(spec.output, line.text, allowed=allowed)
        assert output == line.output
        own = {"markdown"} if "markdown" in output else set[str]()
        assert [leaf for leaf in invented(output, line.text) if leaf not in own] == []
        return
    with pytest.raises(Problems) as caught:
        check(spec.output, line.text, allowed=allowed)
    told = str(caught.value)
    assert [part for part in line.says if part not in told] == [], told


def test_the_corpus_is_broad() -> None:
    verdicts = Counter((line.agent, line.verdict) for line in CORPUS)
    assert len(CORPUS) >= 200
    assert len(set(IDS)) == len(CORPUS)
    assert all(line.says for line in CORPUS if line.verdict == "refused")
    agents = {line.agent for line in CORPUS}
    assert len(agents) >= 9
    assert min(verdicts[agent, verdict] for agent in agents for verdict in ("accepted", "refused")) >= 5
