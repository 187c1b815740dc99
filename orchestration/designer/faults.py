"""Why an edit of a drawing is refused; nothing was changed then."""

from orchestration.errors import OrchestrationError


class EditRefused(OrchestrationError):
    code = "edit_refused"
    status = 422


class NoSuchStep(EditRefused):
    code = "no_such_step"

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"There is no step “{key}” in this draft.")


class NoSuchPlace(EditRefused):
    code = "no_such_place"

    def __init__(self, place: str, position: int | None = None) -> None:
        self.place, self.position = place, position
        super().__init__("This place is not in the draft any more.")


class NoSuchBranch(EditRefused):
    code = "no_such_branch"

    def __init__(self, key: str, branch: str) -> None:
        self.key, self.branch = key, branch
        super().__init__(f"“{key}” has no branch “{branch}”.")


class NeedsName(EditRefused):
    code = "needs_name"

    def __init__(self) -> None:
        super().__init__("A name is needed.")


class TooLarge(EditRefused):
    code = "too_large"


class StaleDraft(EditRefused):
    """Somebody saved in between; `saved_by` is empty where nobody knows who."""

    code = "stale_draft"
    status = 409

    def __init__(self, saved_by: str = "") -> None:
        self.saved_by = saved_by
        super().__init__(
            f"{saved_by or 'Somebody'} changed this draft since you opened it. Your change is not saved: "
            "look at the drawing as it is now, then make it again."
        )


class NothingToUndo(EditRefused):
    code = "nothing_to_undo"
