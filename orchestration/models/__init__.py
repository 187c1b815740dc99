from orchestration.models.flow import Flow, FlowVersion
from orchestration.models.golden import GoldenOrder
from orchestration.models.policy import Policy, PolicyVersion, Rule, ValueList
from orchestration.models.repair import RepairJob, RepairRow
from orchestration.models.run import FlowRun, StepResult, StepRun

__all__ = [
    "Flow",
    "FlowRun",
    "FlowVersion",
    "GoldenOrder",
    "Policy",
    "PolicyVersion",
    "RepairJob",
    "RepairRow",
    "Rule",
    "StepResult",
    "StepRun",
    "ValueList",
]
