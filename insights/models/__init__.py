from insights.models.rollup import Rollup

__all__ = ["Rollup"]
