"""Which models can be used, and what is said about those that cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import parallel_agents
from parallel_agents.core.errors import ModelError
from parallel_agents.core.settings import ModelSettings, Settings
from parallel_agents.journal import SqliteJournal
from parallel_agents.models import ModelGateway


def chosen(model: str | None, settings: Settings | None = None, **environ: str) -> str:
    gateway = ModelGateway(
        settings or Settings(), SqliteJournal(":memory:"), now=lambda: 1.0, random=lambda: 0.0, environ=environ
    )
    return gateway.check(model)


def refused(model: str | None, settings: Settings | None = None, **environ: str) -> str:
    with pytest.raises(ModelError) as caught:
        chosen(model, settings, **environ)
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.parametrize("model", [None, "", " "])
def test_without_a_model_the_choices_are_listed(model: str | None) -> None:
    said = refused(model)
    for choice in ("--model openai:NAME", "anthropic:NAME", "offline", "PARALLEL_AGENTS_MODEL", "`model:`"):
        assert choice in said


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("opanai:gpt-5", "openai:gpt-5"),
        ("Anthropic:claude-x", "anthropic:claude-x"),
        ("claude-sonnet-5", "anthropic:claude-sonnet-5"),
        ("gpt-5", "openai:gpt-5"),
        ("ofline", "offline"),
    ],
)
def test_an_unknown_model_gets_a_guess(typed: str, meant: str) -> None:
    assert f"Did you mean {meant!r}?" in refused(typed)


def test_a_provider_alone_is_no_model() -> None:
    assert "names a provider but no model" in refused("openai:", OPENAI_API_KEY="k")


def test_offline_needs_nothing() -> None:
    assert chosen("offline") == "offline"


def test_the_configured_model_is_used_when_none_is_named() -> None:
    assert chosen(None, Settings(model="offline")) == "offline"


@pytest.mark.parametrize(("model", "variable"), [("openai:x", "OPENAI_API_KEY"), ("anthropic:x", "ANTHROPIC_API_KEY")])
def test_a_missing_key_names_its_variable(model: str, variable: str) -> None:
    assert variable in refused(model)
    assert chosen(model, None, **{variable: "k"}) == model


def test_an_own_server_needs_no_key() -> None:
    assert chosen("openai:x", OPENAI_BASE_URL="http://127.0.0.1:1/v1") == "openai:x"
    local = Settings(models={"anthropic": ModelSettings(base_url="http://127.0.0.1:1")})
    assert chosen("anthropic:x", local) == "anthropic:x"


def test_a_named_key_variable_must_be_set() -> None:
    local = Settings(models={"openai:x": ModelSettings(base_url="http://127.0.0.1:1", api_key_env="MY_KEY")})
    assert "MY_KEY" in refused("openai:x", local, OPENAI_API_KEY="other")
    assert chosen("openai:x", local, MY_KEY="k") == "openai:x"


def test_a_password_in_an_address_is_not_in_the_lanes_name() -> None:
    from parallel_agents.models.providers import endpoint

    where = endpoint("openai:x", Settings(), {"OPENAI_BASE_URL": "http://user:secret@host:8/v1", "OPENAI_API_KEY": "k"})
    assert where.lane == "openai:x at host:8"
    assert "secret" not in where.lane


def test_without_the_extra_the_message_says_what_to_install(tmp_path: Path) -> None:
    # A real interpreter that sees this package and msgspec, and no client.
    (tmp_path / "msgspec").symlink_to(Path(msgspec.__file__).parent)
    program = (
        "from parallel_agents.models import ModelGateway\n"
        "from parallel_agents.core.settings import Settings\n"
        "keys = {'OPENAI_API_KEY': 'k'}\n"
        "gateway = ModelGateway(Settings(), None, now=lambda: 1.0, random=lambda: 0.0, environ=keys)\n"
        "print(gateway.check('offline'))\n"
        "gateway.check('openai:x')\n"
    )
    source = Path(parallel_agents.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        env={**os.environ, "PYTHONPATH": f"{source}:{tmp_path}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "offline\n"
    assert "pip install -e '.[llm]'" in done.stderr
    assert "ModelError" in done.stderr


def test_nothing_is_imported_before_a_provider_is_used() -> None:
    program = (
        "import sys; import parallel_agents.models, parallel_agents.simulator\n"
        "print(sorted({'openai', 'anthropic', 'aiohttp', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
