"""Addresses of warning."""

from django.urls import path

from citywatch.city.warn import views

app_name = "warn"
urlpatterns = [
    path("", views.inbox, name="inbox"),
    path("proposals/bulk/", views.bulk, name="bulk"),
    path("proposals/<int:proposal_id>/", views.proposal, name="proposal"),
    path("proposals/<int:proposal_id>/act/", views.act, name="act"),
    path("detectors/", views.detectors, name="detectors"),
    path("detectors/<slug:detector>/", views.detector, name="detector"),
    path("detectors/<slug:detector>/decide/", views.decide, name="decide"),
    path("feedback/", views.feedback, name="feedback"),
    path("events/", views.events, name="events"),
    path("events/<int:event_id>/", views.event, name="event"),
    path("events/<int:event_id>/publish/", views.publish, name="publish"),
    path("events/<int:event_id>/end/", views.end, name="end"),
]
