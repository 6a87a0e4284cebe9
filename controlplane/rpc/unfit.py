"""What callers are told when nothing fits their request."""

from controlplane.budget.refusal import refusal
from controlplane.routing.model import NoEligibleTarget, NoRoom
from controlplane.rpc.decision_codec import no_target_failure
from turnout_wire.failure import Failure


def unfit_failure(unfit: NoEligibleTarget | NoRoom) -> Failure:
    """NO_ELIGIBLE_TARGET with the table of reasons, or what budgets say."""
    if isinstance(unfit, NoRoom):
        return refusal(unfit.plan, unfit.decided_at)
    return no_target_failure(unfit)
