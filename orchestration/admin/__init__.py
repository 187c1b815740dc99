"""Admin pages of orchestration; importing them registers them."""

from orchestration.admin import batch, flow, policy, repair, run

__all__ = ["batch", "flow", "policy", "repair", "run"]
