from django.urls import path

from orchestration.pages.editor import flow_edit, flow_editor
from orchestration.pages.flows import (
    clone_flow,
    export_flow,
    flow_act,
    flow_step,
    flows,
    import_flow,
    new_flow,
)
from orchestration.pages.golden import (
    act_golden,
    check_golden,
    golden_orders,
    keep_golden,
    need_golden,
)
from orchestration.pages.policies import (
    new_policy,
    policies,
    policy_builder,
    policy_edit,
    policy_export,
    policy_publish,
)
from orchestration.pages.states import events, states
from orchestration.pages.trial import flow_test
from orchestration.pages.versions import flow_versions, publish_flow, restore_version

urlpatterns = [
    path("flows/", flows, name="flows"),
    path("flows/new/", new_flow, name="flow-new"),
    path("flows/import/", import_flow, name="flow-import"),
    path("flows/<int:pk>/", flow_editor, name="flow-editor"),
    path("flows/<int:pk>/edit/", flow_edit, name="flow-edit"),
    path("flows/<int:pk>/export/", export_flow, name="flow-export"),
    path("flows/<int:pk>/clone/", clone_flow, name="flow-clone"),
    path("flows/<int:pk>/pause/", flow_act, {"act": "pause"}, name="flow-pause"),
    path("flows/<int:pk>/resume/", flow_act, {"act": "resume"}, name="flow-resume"),
    path("flows/<int:pk>/stop/", flow_act, {"act": "stop"}, name="flow-stop"),
    path("flows/<int:pk>/step/", flow_step, name="flow-step"),
    path("flows/<int:pk>/publish/", publish_flow, name="flow-publish"),
    path("flows/<int:pk>/test/", flow_test, name="flow-test"),
    path("flows/<int:pk>/versions/", flow_versions, name="flow-versions"),
    path("flows/<int:pk>/versions/<int:number>/restore/", restore_version, name="flow-restore"),
    path("flows/<int:pk>/golden/", golden_orders, name="golden"),
    path("flows/<int:pk>/golden/check/", check_golden, name="golden-check"),
    path("flows/<int:pk>/golden/keep/", keep_golden, name="golden-keep"),
    path("flows/<int:pk>/golden/need/", need_golden, name="golden-need"),
    path("flows/<int:pk>/golden/<int:golden_pk>/", act_golden, name="golden-act"),
    path("policies/", policies, name="policies"),
    path("policies/new/", new_policy, name="policy-new"),
    path("policies/<int:pk>/", policy_builder, name="policy-builder"),
    path("policies/<int:pk>/edit/", policy_edit, name="policy-edit"),
    path("policies/<int:pk>/publish/", policy_publish, name="policy-publish"),
    path("policies/<int:pk>/export/", policy_export, name="policy-export"),
    path("states/", states, name="states"),
    path("events/", events, name="events"),
]
