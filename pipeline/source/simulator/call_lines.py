"""The two lines of the call center: how many call when, about what, and how many agents are there.

Data only; `call_center.py` is what happens.
"""

from typing import Final

from msgspec import Struct

from pipeline.source.simulator.arrivals import Profile
from pipeline.source.simulator.service import Stage, Task
from pipeline.source.simulator.staffing import Plan


class CallLine(Struct, frozen=True):
    """One line. `contained`: share of calls that the voice unit solves; `usual_seconds`: of a call, for estimates."""

    callers: Profile
    agents: Plan
    tasks: tuple[Task, ...]
    contained: float
    usual_seconds: float
    transfers_to: str


IDENTIFY: Final = Stage(
    "identify", 0.2, (("identity", "verify_caller"), ("identity", "send_code"), ("identity", "check_code"))
)
LOOK_UP: Final = Stage("look_up", 0.4, (("identity", "open_account"), ("core_banking", "read_account")))
BOOK: Final = Stage("book", 0.3, (("identity", "authorise"), ("core_banking", "post"), ("identity", "confirm")))
READ_CLAIM: Final = Stage("read_claim", 0.4, (("identity", "authorise"), ("documents", "read_claim")))
PAY: Final = Stage("pay", 0.3, (("identity", "release"), ("core_banking", "read_payout"), ("identity", "confirm")))
GOODBYE: Final = Stage("goodbye", 0.1, ())
RETAIL_STAGES: Final = (IDENTIFY, LOOK_UP, BOOK, GOODBYE)
CLAIMS_STAGES: Final = (IDENTIFY, READ_CLAIM, PAY, GOODBYE)

LINES: Final = {
    "retail": CallLine(
        callers=(
            (7, 70), (8, 160), (9, 275), (10, 330), (11.5, 330), (12.25, 290), (13, 290), (14, 325), (16, 325),
            (17, 270), (18, 160), (19, 80), (20, 40),
        ),
        agents=(
            (7, 7.5, 6), (7.5, 8, 8), (8, 8.5, 10), (8.5, 9, 12), (9, 9.5, 13), (9.5, 16.5, 14), (16.5, 17, 13),
            (17, 17.5, 12), (17.5, 18, 10), (18, 18.5, 8), (18.5, 19, 6), (19, 19.5, 5), (19.5, 20, 4),
        ),
        tasks=(
            Task("balance", 0.20, 65, RETAIL_STAGES),
            Task("transfer", 0.30, 95, RETAIL_STAGES),
            Task("card_blocked", 0.20, 100, RETAIL_STAGES),
            Task("online_access", 0.20, 110, RETAIL_STAGES),
            Task("loan", 0.10, 130, RETAIL_STAGES),
        ),
        contained=0.10,
        usual_seconds=120.0,
        transfers_to="call_center/claims",
    ),
    "claims": CallLine(
        callers=(
            (7, 50), (8, 145), (9, 235), (10, 265), (11.5, 265), (12.25, 235), (13, 235), (14, 260), (16, 260),
            (17, 215), (18, 125), (19, 60), (20, 25),
        ),
        agents=(
            (7, 7.5, 6), (7.5, 8, 8), (8, 8.5, 10), (8.5, 9, 12), (9, 16.5, 13), (16.5, 17, 12), (17, 17.5, 11),
            (17.5, 18, 9), (18, 18.5, 7), (18.5, 19, 6), (19, 19.5, 5), (19.5, 20, 4),
        ),
        tasks=(
            Task("claim_status", 0.35, 95, CLAIMS_STAGES),
            Task("benefit_question", 0.30, 115, CLAIMS_STAGES),
            Task("cost_estimate", 0.20, 125, CLAIMS_STAGES),
            Task("complaint", 0.15, 140, CLAIMS_STAGES),
        ),
        contained=0.10,
        usual_seconds=140.0,
        transfers_to="call_center/retail",
    ),
}  # fmt: skip
