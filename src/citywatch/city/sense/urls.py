from django.urls import path

from citywatch.city.sense import views, views_phone

app_name = "sense"
urlpatterns = [
    path("", views.home, name="home"),
    path("forms/<slug:code>/", views.form, name="form"),
    path("shell/<slug:code>/", views_phone.shell, name="shell"),
    path("queue/", views_phone.queue, name="queue"),
    path("queue/mend/", views_phone.mend, name="mend"),
    path("worker.js", views_phone.worker, name="worker"),
    path("done/<int:receipt_id>/", views.done, name="done"),
    path("zero/", views.zero, name="zero"),
    path("coverage/", views.coverage, name="coverage"),
    path("holds/", views.holds, name="holds"),
    path("quarantine/", views.quarantine, name="quarantine"),
    path("quarantine/<int:row_id>/", views.settle, name="settle"),
]
