"""The end of a session takes along what the rig keeps between tests.

Which test shows which fault, and the control that goes red with its guard off ("-": none of its own yet):

F1 F2   test_kill_points (worker dies at each point)   control_without_keys_outside_a_death_after_the_call_doubles
F3 F4   test_roles, test_storm                         -
F5      test_bulkhead                                  -
F6      test_server_stops                              -
F8      test_storm (hostile world), providers/test_killed   providers/test_killed[uses_keys=False]
F10 F12 F13 F14 F16  test_storm (hostile world), providers/test_out_of_order   -
F17     test_two_at_once (four workers)                control_without_lease_and_locks_steps_run_twice
F18     test_two_at_once (late wake-up), test_roles (frozen)   control_a_late_answer_that_counts_is_written_twice
F20     test_two_at_once (poison)                      control_attempts_counted_afterwards_let_it_kill_for_ever
F25     test_two_at_once (forgotten lock)              control_without_a_time_limit_all_wait_for_the_forgotten_lock
F26     test_two_at_once (any order), inventory/test_races   control_unsorted_locks_deadlock
F32     test_double_click                              control_five_tokens_are_five_orders
F33     fulfillment/test_cancel_or_ship                the race without its lock, in the same module
I1-I10  orchestration/test_invariants                  each is broken by hand and named
"""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _worlds() -> Iterator[None]:
    yield
    import rig

    rig.forget_worlds()
