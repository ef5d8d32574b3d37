"""The configuration as an object: its defaults and who overrides whom."""

from __future__ import annotations

import msgspec
import pytest

from parallel_agents.core.settings import AgentSettings, ModelSettings, Settings


def test_defaults_are_the_specifications_where_no_difference_is_recorded() -> None:
    settings = Settings()
    processing = settings.parallel_processing
    assert (processing.default_max_concurrent, processing.max_concurrent_limit, processing.min_concurrent) == (8, 10, 1)
    assert processing.task_queue.priority_levels == ("urgent", "high", "normal", "low")
    assert (processing.task_queue.task_retry_attempts, processing.task_queue.task_retry_delay_seconds) == (3, 5)
    assert settings.agent_settings("deep-decomposition").context_size_mb == 384
    # The recorded differences: one strategy instead of a list of them, and as many workers as the limit allows.
    assert processing.error_handling.fallback_strategy == "fail"
    assert settings.aiomultiprocess_settings.max_workers == processing.max_concurrent_limit


def test_no_model_runs_unless_one_is_chosen() -> None:
    assert Settings().model is None


def test_settings_survive_json() -> None:
    settings = Settings(model="offline", models={"openai": ModelSettings(max_tokens=5)})
    assert msgspec.json.decode(msgspec.json.encode(settings), type=Settings) == settings


def test_settings_cannot_be_changed_in_place() -> None:
    with pytest.raises(AttributeError):
        Settings().model = "offline"  # pyright: ignore[reportAttributeAccessIssue]


def test_two_settings_do_not_share_their_agents() -> None:
    one, other = Settings(), msgspec.convert({}, Settings)
    assert one.parallel_processing.agent_configs is not other.parallel_processing.agent_configs


@pytest.mark.parametrize("values", [{"modle": "x"}, {"parallel_processing": {"task_queue": {"size": 1}}}])
def test_an_unknown_key_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert(values, Settings)


def test_a_models_own_settings_go_before_its_providers() -> None:
    own, provider = ModelSettings(max_tokens=1), ModelSettings(max_tokens=2)
    settings = Settings(models={"openai:small": own, "openai": provider})
    assert settings.model_settings("openai:small") is own
    assert settings.model_settings("openai:large") is provider
    assert settings.model_settings("anthropic:x") == ModelSettings()


def test_an_agent_without_settings_has_no_limits_of_its_own() -> None:
    assert Settings().agent_settings("mine") == AgentSettings()
