"""Addresses of warning."""

from django.urls import path

from citywatch.city.warn import views, views_desk

app_name = "warn"
urlpatterns = [
    path("", views_desk.inbox, name="inbox"),
    path("live/", views_desk.live, name="live"),
    path("views/save/", views_desk.save_view, name="save_view"),
    path("views/<int:view_id>/delete/", views_desk.delete_view, name="delete_view"),
    path("proposals/answer/", views_desk.answer, name="answer"),
    path("proposals/undo/", views_desk.undo, name="undo"),
    path("proposals/<int:proposal_id>/", views.proposal, name="proposal"),
    path("proposals/<int:proposal_id>/glance/", views_desk.glance, name="glance"),
    path("proposals/<int:proposal_id>/act/", views_desk.act, name="act"),
    path("detectors/", views.detectors, name="detectors"),
    path("detectors/<slug:detector>/", views.detector, name="detector"),
    path("detectors/<slug:detector>/decide/", views.decide, name="decide"),
    path("feedback/", views.feedback, name="feedback"),
    path("events/", views.events, name="events"),
    path("events/<int:event_id>/", views.event, name="event"),
    path("events/<int:event_id>/publish/", views.publish, name="publish"),
    path("events/<int:event_id>/end/", views.end, name="end"),
]
