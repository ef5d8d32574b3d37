"""Calls to language models: one gateway, made in the engine's process, for every worker."""

from parallel_agents.models.gateway import ModelGateway as ModelGateway
from parallel_agents.models.ledger import CallLedger as CallLedger
