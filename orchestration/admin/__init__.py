"""Admin pages of orchestration; importing them registers them."""

from orchestration.admin import flow, policy, run

__all__ = ["flow", "policy", "run"]
