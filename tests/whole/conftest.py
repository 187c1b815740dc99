"""Faults that the house survives: which test shows it, and which shows it going wrong with the guard off.

On each line first the tests, after the bar the controls: the guard is taken away by a narrow patch of itself, the same
happens, and the fault is seen. `test_` is left out; a name without a file before it is in the file named last.

F1   whole/test_kill_points: a_worker_dies_there_and_the_order_ends_once | control_without_keys_outside_a_death_after_the_call_doubles
F2   whole/test_kill_points: a_worker_dies_there_and_the_order_ends_once | whole/test_two_at_once: control_without_lease_and_locks_steps_run_twice
F3   whole/test_roles: who_ever_dies_takes_its_group_along_and_work_goes_on, the_web_comes_back · whole/test_storm: a_storm_of_kills | whole/test_roles: control_workers_that_are_only_replaced_find_the_queue_locked_by_a_dead_one, only_the_probe_of_progress_sees_that_the_living_do_nothing
F4   whole/test_roles: who_ever_dies_takes_its_group_along_and_work_goes_on, nobody_outlives_a_killed_demo | control_who_does_not_die_with_its_parent_works_on_as_an_orphan
F5   whole/test_bulkhead: a_silent_provider_does_not_slow_the_others | providers/test_outbox: a_worker_does_not_wait_for_a_provider_that_never_answers
F6   whole/test_server_stops: hard_stops_in_mid_batch, a_worker_outlives_the_stop_of_its_server | a_stop_between_a_call_and_its_receipt_doubles_only_where_keys_are_forgotten
F8   whole/test_storm: a_hostile_world_outside · providers/test_outbox: done_but_not_heard_of_is_unknown_and_happens_once · providers/test_killed: one_effect_however_it_died | providers/test_outbox: without_the_key_the_ledger_shows_doubles
F10  providers/test_outbox: a_429_is_obeyed_and_not_counted · whole/test_storm: a_hostile_world_outside | providers/test_outbox: control_a_gate_that_does_not_close_lets_calls_through_while_they_asked_for_patience
F12  providers/test_out_of_order: one_callback_five_times_at_once_is_one_shipment · providers/test_inbox: ten_times_the_same_message_at_once_is_one_row | providers/test_out_of_order: control_without_its_id_each_repetition_is_worked_on, control_without_id_and_key_each_repetition_is_a_shipment_that_a_person_must_look_at
F13  providers/test_out_of_order: all_orders_of_a_story_end_alike | delivered_before_shipped_waits_for_it_and_is_lost_to_who_does_not, a_refusal_that_the_source_has_overtaken_counts_only_without_its_sequence
F14  providers/test_out_of_order: a_callback_before_our_own_call_returns_finds_its_order_by_our_key_alone | a_callback_before_our_own_call_returns_finds_its_order_by_our_key_alone
F16  providers/test_out_of_order: callbacks_that_never_come_are_found_by_looking · whole/test_storm: a_hostile_world_outside | providers/test_out_of_order: control_who_never_looks_does_not_hear_of_what_no_call_told
F17  whole/test_two_at_once: four_workers_drain_one_backlog_and_each_step_runs_once | control_without_lease_and_locks_steps_run_twice
F18  whole/test_two_at_once: who_wakes_up_too_late_writes_nothing · whole/test_roles: a_frozen_cluster_is_replaced · orchestration/test_late_worker: who_comes_back_after_its_lease_writes_nothing | whole/test_two_at_once: control_a_late_answer_that_counts_is_written_twice · providers/test_outbox: a_late_finisher_is_harmless_as_it_must_show_its_token
F20  whole/test_two_at_once: a_step_that_kills_its_worker_is_parked_and_the_others_finish | control_attempts_counted_afterwards_let_it_kill_for_ever
F25  whole/test_two_at_once: a_forgotten_lock_delays_work_and_loses_none | control_without_a_time_limit_all_wait_for_the_forgotten_lock
F26  whole/test_two_at_once: workers_and_people_in_any_order_do_not_deadlock | control_unsorted_locks_deadlock
F32  whole/test_double_click: a_manual_order_sent_five_times_is_one_order, a_ship_form_sent_five_times_ships_once, five_windows_on_the_same_card_ship_once | control_five_tokens_are_five_orders, a_note_sent_five_times_is_one_note_and_without_the_token_five
F33  fulfillment/test_cancel_or_ship: a_shipment_and_a_cancellation_at_once_never_both_win | without_the_lock_both_believe_that_they_may

What a control cannot show. F12: with the inbox's guard off the work is doubled, the effect is not, as the shipment's key
and the state behind it would have to go, too. F18 of the engine: with the token off nothing is doubled either, as what a
run has done is read again under its lock; the token of the outbox is the one whose loss shows. F32 of the ship form: a
second guard, key and state, stands behind the token; a note has its token only, so that is what its control takes.
The whole house and F5: a worker that sits out a silent call goes on to begin those of others, and a connection has so many
calls at once and no more, so p95 of the others stays as it was with the one guard off (0.2 s); the control takes it
from a single worker. What test_bulkhead prints was 0.52 s calm, 0.51 s as the silence begins, 0.48 s later.
The invariants I1-I10 have theirs in orchestration/test_invariants: each is broken by hand and named.
"""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _worlds() -> Iterator[None]:
    yield
    import rig

    rig.forget_worlds()
