"""What can go wrong with flows and policies. Each carries data, a code for machines and a sentence for people."""

from collections.abc import Sequence


class OrchestrationError(Exception):
    code = "orchestration_error"
    status = 400


class BadRule(OrchestrationError):
    """A rule that cannot be compiled; `path` leads to the fault, such as `rules[1].all[0].value`."""

    code = "bad_rule"

    def __init__(self, path: str, sentence: str) -> None:
        self.path, self.sentence = path, sentence
        super().__init__(f"{path}: {sentence}")


class NotPublishable(OrchestrationError):
    """`problems` is every one of them: (step key or policy key, sentence)."""

    code = "not_publishable"
    status = 422

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        self.problems = list(problems)
        self.errors = [
            {"code": "problem", "field": where, "message": sentence} for where, sentence in self.problems
        ]
        super().__init__(
            "This cannot be published: "
            + " ".join(f"{where}: {sentence}" for where, sentence in self.problems)
        )


class WrongFlowStatus(OrchestrationError):
    code = "wrong_flow_status"
    status = 409
