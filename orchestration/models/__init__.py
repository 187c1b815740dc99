from orchestration.models.batch import BatchedLine, SourcingBatch
from orchestration.models.flow import Flow, FlowVersion
from orchestration.models.golden import GoldenOrder
from orchestration.models.policy import Policy, PolicyVersion, Rule, ValueList
from orchestration.models.repair import RepairJob, RepairRow
from orchestration.models.run import FlowRun, StepResult, StepRun

__all__ = [
    "BatchedLine",
    "Flow",
    "FlowRun",
    "FlowVersion",
    "GoldenOrder",
    "Policy",
    "PolicyVersion",
    "RepairJob",
    "RepairRow",
    "Rule",
    "SourcingBatch",
    "StepResult",
    "StepRun",
    "ValueList",
]
