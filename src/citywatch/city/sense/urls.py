from django.urls import path

from citywatch.city.sense import views, views_phone, views_photos, views_year

app_name = "sense"
urlpatterns = [
    path("", views.home, name="home"),
    path("forms/<slug:code>/", views.form, name="form"),
    path("shell/<slug:code>/", views_phone.shell, name="shell"),
    path("queue/", views_phone.queue, name="queue"),
    path("queue/mend/", views_phone.mend, name="mend"),
    path("queue/photos/", views_photos.queue, name="photo_queue"),
    path("photos/", views_photos.listed, name="photos"),
    path("photos/<int:photo_id>/", views_photos.opened, name="photo"),
    path("worker.js", views_phone.worker, name="worker"),
    path("done/<int:receipt_id>/", views.done, name="done"),
    path("zero/", views.zero, name="zero"),
    path("coverage/", views.coverage, name="coverage"),
    path("calendar/", views_year.calendar, name="calendar"),
    path("holds/", views.holds, name="holds"),
    path("quarantine/", views.quarantine, name="quarantine"),
    path("quarantine/<int:row_id>/", views.settle, name="settle"),
]
