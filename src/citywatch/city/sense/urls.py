from django.urls import path

from citywatch.city.sense import views

app_name = "sense"
urlpatterns = [
    path("", views.home, name="home"),
    path("forms/<slug:code>/", views.form, name="form"),
    path("done/<int:receipt_id>/", views.done, name="done"),
    path("zero/", views.zero, name="zero"),
    path("coverage/", views.coverage, name="coverage"),
    path("holds/", views.holds, name="holds"),
    path("quarantine/", views.quarantine, name="quarantine"),
    path("quarantine/<int:row_id>/", views.settle, name="settle"),
]
