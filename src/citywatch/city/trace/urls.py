from django.urls import path

from citywatch.city.trace import views

app_name = "trace"
urlpatterns = [
    path("", views.investigations, name="investigations"),
    path("open/<int:event_id>/", views.open_investigation, name="open"),
    path("investigations/<int:investigation_id>/", views.investigation, name="investigation"),
    path("investigations/<int:investigation_id>/publish/", views.publish, name="publish"),
    path("investigations/<int:investigation_id>/look-back/", views.look_back, name="look_back"),
    path("investigations/<int:investigation_id>/move/", views.investigation_move, name="investigation_move"),
    path("cases/<int:case_id>/", views.case, name="case"),
    path("cases/<int:case_id>/interview/", views.interview, name="interview"),
    path("cases/<int:case_id>/interview/line/", views.interview_line, name="interview_line"),
    path("cases/<int:case_id>/captured/", views.captured, name="captured"),
    path("cases/<int:case_id>/identity/", views.identity, name="identity"),
    path("cases/<int:case_id>/classify/", views.classify, name="classify"),
    path("cases/<int:case_id>/move/", views.case_move, name="case_move"),
    path("cases/<int:case_id>/hand-over/", views.case_hand_over, name="case_hand_over"),
    path("cases/<int:case_id>/answer/", views.case_answer, name="case_answer"),
    path("cases/<int:case_id>/isolate/", views.isolate, name="isolate"),
    path("cases/<int:case_id>/beside/", views.beside, name="beside"),
    path("contacts/", views.contacts, name="contacts"),
    path("contacts/move/", views.contacts_move, name="contacts_move"),
    path("contacts/<int:contact_id>/answer/", views.contact_answer, name="contact_answer"),
    path("contacts/<int:contact_id>/move/", views.contact_move, name="contact_move"),
    path("contacts/<int:contact_id>/judge/", views.contact_judge, name="contact_judge"),
    path("visits/", views.visits, name="visits"),
    path("visits/ask/", views.visits_ask, name="visits_ask"),
    path("visits/<int:visiting_id>/identity/", views.visit_identity, name="visit_identity"),
    path("visits/<int:visiting_id>/end/", views.visits_end, name="visits_end"),
    path("risk-points/", views.risk_points, name="risk_points"),
    path("status/", views.status, name="status"),
    path("places/", views.places, name="places"),
]
