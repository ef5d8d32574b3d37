"""What executions may spend and have spent: their budgets, and every request that may cost."""

from __future__ import annotations

from parallel_agents.core.budget import NANOS, Amount, Budget, Spent, budget_of
from parallel_agents.journal.database import Database, Row
from parallel_agents.journal.moves import require_execution
from parallel_agents.ports.entries import Charge


def change_budget(database: Database, execution_id: str, budget: Budget, at: float) -> None:
    """Note how much an execution may spend in all from now on."""
    require_execution(database, execution_id)
    row = {"execution_id": execution_id, "nano_usd": budget.nanos, "tokens": budget.tokens, "at": at}
    database.execute("put_budget", row)


def note(database: Database, charge: Charge) -> None:
    """Note a request before it is sent."""
    database.execute(
        "insert_charge",
        {
            "charge_id": charge.charge_id,
            "execution_id": charge.execution_id,
            "key": charge.key,
            "model": charge.model,
            "at": charge.at,
            "tokens": charge.most.tokens,
            "nano_usd": charge.most.nanos,
        },
    )


def settle(database: Database, charge_id: str, cost: Amount, at: float) -> None:
    """Note what a request has cost; the first word counts."""
    row = {"charge_id": charge_id, "tokens": cost.tokens, "nano_usd": cost.nanos, "at": at}
    database.execute("settle_charge", row)


def write_off(database: Database, execution_id: str, at: float) -> None:
    """Settle what a dead engine had under way, in full: it may have been paid for."""
    database.execute("write_off_charges", {"execution_id": execution_id, "at": at})


def budget(database: Database, execution_id: str) -> Budget | None:
    """The budget of an execution."""
    row = database.row("budget", {"execution_id": execution_id})
    return None if row is None else _budget(row)


def budgets(database: Database) -> dict[str, Budget | None]:
    """The budgets of all executions that have one."""
    return {row[0]: _budget(row[1:]) for row in database.rows("budgets")}


def spent(database: Database, execution_id: str) -> Spent:
    """Add up what requests have cost, and at most will."""
    found = {
        bool(is_settled): Amount(tokens, None if unpriced else nanos)
        for is_settled, tokens, nanos, unpriced in database.rows("charges", {"execution_id": execution_id})
    }
    return Spent(settled=found.get(True, Amount()), open=found.get(False, Amount()))


def _budget(row: Row) -> Budget | None:
    nanos, tokens = row
    return budget_of(None if nanos is None else nanos / NANOS, tokens)
