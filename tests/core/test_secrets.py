from __future__ import annotations

import pytest

from parallel_agents.core.secrets import key_variables, secret_names, without_secrets
from parallel_agents.core.settings import ModelSettings, Settings

VALUE = "sk-0123456789abcdef"


@pytest.mark.parametrize(
    "name",
    [
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "MY_APIKEY",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "HF_TOKEN",
        "TOKEN",
        "CLIENT_SECRET",
        "DB_PASSWORD",
        "github_token",
    ],
)
def test_a_name_that_looks_like_a_secret_is_one(name: str) -> None:
    assert secret_names({name: VALUE, "PATH": "/bin"}) == {name}


@pytest.mark.parametrize("name", ["PATH", "HOME", "KEYBOARD", "TOKENS_MAX", "MONKEY", "OPENAI_BASE_URL", "LANG"])
def test_other_names_stay(name: str) -> None:
    assert without_secrets({name: "value"}) == {name: "value"}


def test_what_the_configuration_names_is_taken_out_whatever_it_is_called() -> None:
    settings = Settings(models={"openai": ModelSettings(api_key_env="ACCOUNT"), "anthropic": ModelSettings()})
    assert without_secrets({"ACCOUNT": "x", "OTHER": "y"}, key_variables(settings)) == {"OTHER": "y"}


def test_a_variable_with_a_key_in_its_value_is_taken_out_too() -> None:
    assert without_secrets({"A_TOKEN": VALUE, "URL": f"http://u:{VALUE}@host", "HOME": "/home"}) == {"HOME": "/home"}


def test_a_short_value_says_nothing_about_others() -> None:
    assert without_secrets({"DB_PASSWORD": "root", "HOME": "/root"}) == {"HOME": "/root"}
