"""The actions that steps can name, by key. Each lives in a file of its own."""

from orchestration.actions import custom, fulfill, hold, provider, reserve, source, validate, wait  # noqa: F401 - they register
from orchestration.actions.base import ACTIONS, Action, Batch, Item, Result, register

__all__ = ["ACTIONS", "Action", "Batch", "Item", "Result", "register"]
