from __future__ import annotations

from parallel_agents.core.settings import ModelSettings, Settings
from parallel_agents.models.providers import place_of


def test_the_place_of_a_model_tells_its_server_and_no_secret() -> None:
    address = "http://me:secret@127.0.0.1:8080/other/v1?token=hidden"
    settings = Settings(models={"openai": ModelSettings(base_url=address)})

    assert place_of("openai:m", settings, {"OPENAI_API_KEY": "sk-secret"}) == "openai:m at 127.0.0.1:8080/other/v1"
    assert place_of("offline", settings, {}) == "offline"


def test_servers_at_other_addresses_are_other_places() -> None:
    def place(address: str | None) -> str:
        settings = Settings(models={"openai": ModelSettings(base_url=address)})
        return place_of("openai:m", settings, {"OPENAI_API_KEY": "sk-secret"})

    assert (
        len({place(one) for one in (None, "http://127.0.0.1:1/v1", "http://127.0.0.1:2/v1", "http://[::1]:1/v1")}) == 4
    )
