"""What evaluating costs: a number of queries that does not grow. Milliseconds: `manage.py benchmark policies`."""

from orchestration.benchmark.policies import POLICY
from orchestration.policies.evaluate import evaluate
from orchestration.policies.explain import explain


def test_five_rules_over_many_orders_are_one_query(make_orders, django_assert_num_queries):
    ids = [order.pk for order in make_orders(60)]

    for some in (ids[:1], ids):
        with django_assert_num_queries(1):
            verdicts = evaluate(POLICY, some)
        with django_assert_num_queries(1):
            explain(POLICY, some)

    assert all(verdict.passed for verdict in verdicts.values()) and len(verdicts) == 60
