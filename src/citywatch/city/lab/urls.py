from django.urls import path

from citywatch.city.lab import views

app_name = "lab"
urlpatterns = [
    path("", views.worklist, name="worklist"),
    path("result/", views.result, name="result"),
    path("samples/<int:sample_id>/", views.sample, name="sample"),
]
