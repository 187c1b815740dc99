from insights.models.exception_group import ExceptionGroup
from insights.models.rollup import Rollup

__all__ = ["ExceptionGroup", "Rollup"]
