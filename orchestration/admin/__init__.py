"""Admin pages of orchestration; importing them registers them."""

from orchestration.admin import flow, policy, repair, run

__all__ = ["flow", "policy", "repair", "run"]
