"""Which variables of an environment hold what must not be handed on."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from parallel_agents.core.settings import Settings

_SECRET = re.compile(
    r"(?:^|_)(?:API_?KEY|ACCESS_KEY|SECRET_KEY|PRIVATE_KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS)$",
    re.IGNORECASE,
)
_SHORTEST_VALUE = 16
"""A value that is shorter is found in too many others by chance."""


def key_variables(settings: Settings) -> frozenset[str]:
    """The variables that the configuration names as holding a key."""
    return frozenset(model.api_key_env for model in settings.models.values() if model.api_key_env is not None)


def secret_names(environ: Mapping[str, str], named: Collection[str] = ()) -> frozenset[str]:
    """The variables that are named, look like a secret by their name, or have the value of one of those in theirs."""
    secret = {name for name in environ if name in named or _SECRET.search(name)}
    values = [environ[name] for name in secret if len(environ[name]) >= _SHORTEST_VALUE]
    return frozenset(secret | {name for name, value in environ.items() if any(one in value for one in values)})


def without_secrets(environ: Mapping[str, str], named: Collection[str] = ()) -> dict[str, str]:
    """An environment to hand on: without any of the `secret_names`."""
    secret = secret_names(environ, named)
    return {name: value for name, value in environ.items() if name not in secret}
