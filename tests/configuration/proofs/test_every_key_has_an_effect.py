"""Every key of the shipped configuration file does something, shown by runs that differ in it alone.

A key without a proof has to stand in the list of deferred keys (`configuration/meanings.toml`), which this prints:

    uv run pytest tests/configuration/proofs -k deferred_keys -s
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ruamel.yaml import YAML
from tests.configuration.proofs import paying, running, telling
from tests.configuration.proofs.proof import Proof, nested
from tests.configuration.proofs.recorder import recording_provider
from tests.configuration.proofs.scene import Scene

from parallel_agents.configuration.layer import paths_in
from parallel_agents.configuration.meanings import general, meanings
from parallel_agents.core.settings import ModelSettings

SHIPPED = Path(__file__).parents[3] / "config" / "parallel_agents.yaml"
PROOFS = {**running.PROOFS, **telling.PROOFS, **paying.PROOFS}
DEFERRED = meanings().deferred
AGENT_OF = {
    "max_concurrent": "naps",
    "timeout_seconds": "naps",
    "retry_attempts": "raises",
    "context_size_mb": "takes_memory",
    "isolation_level": "naps",
    "fallback_model": "asks",
}


def shipped_keys() -> list[str]:
    """Every key of the shipped file that is no section; names of the user's choice are NAME."""
    parser: Any = YAML(typ="safe", pure=True)
    values = parser.load(SHIPPED.read_text(encoding="utf-8"))
    paths = [path for path in paths_in(values) if not any(isinstance(part, int) for part in path)]
    leaves = [general(path) for path in paths if not any(len(o) > len(path) and o[: len(path)] == path for o in paths)]
    models = [f"models.NAME.{name}" for name in ModelSettings.__struct_fields__]
    return list(dict.fromkeys([leaf for leaf in leaves if leaf != "models"] + models))


KEYS = shipped_keys()


@pytest.mark.parametrize("key", KEYS)
async def test_a_key_has_an_effect_or_a_later_part_gives_it_one(key: str, tmp_path: Path) -> None:
    if key in DEFERRED:
        assert key not in PROOFS, f"{key} has a proof: take it off the list of deferred keys"
        return
    assert key in PROOFS, f"{key} has neither a proof nor a place in the list of deferred keys"
    proof = PROOFS[key]
    assert len(proof.values) >= 2
    assert any(shown != proof.shows[0] for shown in proof.shows), "a proof shows a difference"
    for number, (value, shows) in enumerate(zip(proof.values, proof.shows, strict=True)):
        async with scene_of(proof, key, value, tmp_path / str(number)) as scene:
            assert await proof.observe(scene) == shows, f"{key}: {value}"


def test_the_shipped_file_and_the_proofs_speak_of_the_same_keys() -> None:
    assert len(KEYS) >= 48
    assert set(PROOFS) | set(DEFERRED) == set(KEYS)


def test_the_deferred_keys_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{len(DEFERRED)} of {len(KEYS)} keys have no effect yet:")
        for key, part in DEFERRED.items():
            print(f"  {key}: {part}")
    assert set(DEFERRED) <= set(KEYS)


@asynccontextmanager
async def scene_of(proof: Proof, key: str, value: object, folder: Path) -> AsyncGenerator[Scene]:
    flat = {**proof.given, named(key): value}
    if not proof.needs_provider:
        yield Scene(folder, nested(flat))
        return
    requests: list[dict[str, Any]] = []
    async with recording_provider(requests) as port:
        text = msgspec.json.encode(nested(flat)).decode()
        scene = Scene(folder, json.loads(text.replace("PORT", str(port))))
        scene.requests = requests
        yield scene


def named(key: str) -> str:
    if key.startswith("models."):
        return key.replace("NAME", "openai")
    return key.replace("NAME", AGENT_OF.get(key.rpartition(".")[2], "NAME"))
