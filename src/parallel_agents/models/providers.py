"""Which providers there are, what a model's name means, and where its calls go."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import ipaddress
from collections.abc import Callable, Mapping
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from parallel_agents.core.errors import ModelError
from parallel_agents.core.rates import Limits
from parallel_agents.core.settings import ModelSettings, Settings
from parallel_agents.ports.models import ModelRequest, ModelResponse

OFFLINE = "offline"
CHOICES = (
    "--model openai:NAME (any server with OpenAI's protocol, too: set OPENAI_BASE_URL), --model anthropic:NAME, or "
    "--model offline (excerpts without a language model). PARALLEL_AGENTS_MODEL or `model:` in the configuration set "
    "it for good."
)
_PLACEHOLDER_KEY = "no-key"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where the calls of one lane go. `lane` is its name for people; `api_key` must never be shown."""

    lane: str
    name: str
    base_url: str
    is_default_url: bool
    api_key: str
    timeout_s: float

    def __repr__(self) -> str:
        return f"Endpoint({self.lane!r}, {self.base_url!r})"


class Completed(msgspec.Struct, frozen=True):
    """An answer, and what the provider said of its limits beside it."""

    response: ModelResponse
    limits: Limits | None


class Provider(Protocol):
    """Makes single calls, without retries, and says in the errors of this package what went wrong.

    `lane` is the name of what a rate limit of its calls governs.
    """

    lane: str

    async def complete(self, request: ModelRequest) -> ModelResponse | Completed:
        """Make one call.

        Raises:
            ItemError, RateLimitedError, OverloadedError, TransientError, LaneClosedError, UnscoredError: as `failures`
                classes them.
        """
        ...

    async def aclose(self) -> None:
        """Close its connections."""
        ...


class _Remote(msgspec.Struct, frozen=True, kw_only=True):
    module: str
    client: str
    default_url: str
    variables: str


_REMOTE = {
    "openai": _Remote(
        module="parallel_agents.models.openai",
        client="openai",
        default_url="https://api.openai.com/v1",
        variables="OPENAI",
    ),
    "anthropic": _Remote(
        module="parallel_agents.models.anthropic",
        client="anthropic",
        default_url="https://api.anthropic.com",
        variables="ANTHROPIC",
    ),
}


def full_name(model: str | None) -> str:
    """Check the form of a model's name.

    Raises:
        ModelError: none was chosen, or there is no such provider.
    """
    if model is None or not model.strip():
        raise ModelError(None, "no model was chosen, and there is no default", hint=f"Choose one: {CHOICES}")
    if model == OFFLINE:
        return model
    provider, _, name = model.partition(":")
    if provider not in _REMOTE:
        raise ModelError(model, f"unknown model {model!r}", hint=_did_you_mean(model))
    if not name.strip():
        raise ModelError(
            model,
            f"{model!r} names a provider but no model",
            hint=f"Write {provider}:NAME, with a name that the provider knows.",
        )
    return model


def usable(model: str | None, settings: Settings, environ: Mapping[str, str]) -> str:
    """Return the full name of a model that can be called.

    Raises:
        ModelError: no model, an unknown one, no client for it, no key, or an address that is none.
    """
    name = full_name(model)
    if name != OFFLINE:
        endpoint(name, settings, environ)
    return name


def endpoint(model: str, settings: Settings, environ: Mapping[str, str]) -> Endpoint:
    """Find out where a remote model's calls go.

    Raises:
        ModelError: the `llm` extra is not installed, there is neither a key nor a base URL, or that is no URL.
    """
    provider, _, name = model.partition(":")
    remote = _REMOTE[provider]
    chosen = settings.model_settings(model)
    if importlib.util.find_spec(remote.client) is None or importlib.util.find_spec("aiohttp") is None:
        raise ModelError(
            model, f"{model} needs the {remote.client} client", hint="Run: pip install -e '.[llm]' in a checkout"
        )
    address = own_url(model, settings, environ)
    if address is not None and not _is_address(address):
        # The value is not shown: it may carry a password.
        place = f"models.{provider}.base_url" if chosen.base_url else f"{remote.variables}_BASE_URL"
        raise ModelError(model, f"{place} is no address", hint="It has to be like http://127.0.0.1:8080/v1.")
    key_variable = chosen.api_key_env or f"{remote.variables}_API_KEY"
    return Endpoint(
        lane=_lane_name(model, address),
        name=name,
        base_url=address or remote.default_url,
        is_default_url=address is None,
        api_key=_key(model, chosen, key_variable, environ, has_own_url=address is not None),
        timeout_s=chosen.timeout_seconds,
    )


def own_url(model: str, settings: Settings, environ: Mapping[str, str]) -> str | None:
    """The address that was set for a remote model; None where its calls go to the provider's own."""
    remote = _REMOTE[model.partition(":")[0]]
    return settings.model_settings(model).base_url or environ.get(f"{remote.variables}_BASE_URL") or None


def lane_key(model: str, settings: Settings, environ: Mapping[str, str]) -> str:
    """Return what tells lanes apart: provider, account and model. The account is its address and a digest of its key.

    Raises:
        ModelError: as `endpoint`.
    """
    if model == OFFLINE:
        return model
    where = endpoint(model, settings, environ)
    secret = hashlib.sha256(where.api_key.encode()).hexdigest()
    return "|".join((model.partition(":")[0], where.base_url.rstrip("/"), secret, where.name.strip()))


def is_on_this_machine(model: str, settings: Settings, environ: Mapping[str, str]) -> bool:
    """Tell whether a remote model's calls go to an address of this machine."""
    host = urlsplit(own_url(model, settings, environ) or "").hostname
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def place_of(model: str, settings: Settings, environ: Mapping[str, str]) -> str:
    """Where the calls of a model go, without any secret. Raises `ModelError`, as `endpoint`."""
    if model == OFFLINE:
        return OFFLINE
    where = endpoint(model, settings, environ)
    parts = urlsplit(where.base_url)
    return f"{where.lane}{parts.path}"


def build(model: str, settings: Settings, environ: Mapping[str, str], now: Callable[[], float]) -> Provider:
    """Import what a model needs and make its provider. Slow (seconds): call it off the event loop.

    `now` gives seconds since the epoch.
    """
    if model == OFFLINE:
        from parallel_agents.models.offline import OfflineProvider

        return OfflineProvider()
    where = endpoint(model, settings, environ)
    connect: Callable[[Endpoint, Callable[[], float]], Provider] = importlib.import_module(
        _REMOTE[model.partition(":")[0]].module
    ).connect
    return connect(where, now)


def _key(model: str, chosen: ModelSettings, variable: str, environ: Mapping[str, str], *, has_own_url: bool) -> str:
    key = environ.get(variable, "").strip()
    if key:
        return key
    if chosen.api_key_env is not None:
        raise ModelError(
            model,
            f"{model} takes its key from the environment variable {variable}, which is not set",
            hint=f"Set {variable}, or change models.<name>.api_key_env in the configuration.",
        )
    if has_own_url:
        return _PLACEHOLDER_KEY
    provider = model.partition(":")[0]
    url_variable = f"{_REMOTE[provider].variables}_BASE_URL"
    raise ModelError(
        model,
        f"{model} needs a key",
        hint=f"Set {variable} (or name another variable in models.{provider}.api_key_env), or set {url_variable} or "
        f"models.{provider}.base_url to a server that needs none.",
    )


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # of the port, or of an IPv6 address
        return False


def _lane_name(model: str, own_url: str | None) -> str:
    if own_url is None:
        return model
    # Only host and port: an address may carry a password.
    parts = urlsplit(own_url)
    place = parts.hostname or own_url
    return f"{model} at {place}:{parts.port}" if parts.port else f"{model} at {place}"


def _did_you_mean(model: str) -> str:
    provider, colon, name = model.partition(":")
    lowered = model.lower()
    guess = ""
    if near := difflib.get_close_matches(provider.lower(), [*_REMOTE, OFFLINE], n=1):
        guess = near[0] if near[0] == OFFLINE else f"{near[0]}:{name or 'NAME'}"
    elif not colon and lowered.startswith("claude"):
        guess = f"anthropic:{model}"
    elif not colon:
        guess = f"openai:{model}"
    return (f"Did you mean {guess!r}? " if guess else "") + f"The choices are {CHOICES}"
