from django.urls import path

from citywatch.city.report import views

app_name = "report"
urlpatterns = [
    path("command/", views.command, name="command"),
    path("command/live/", views.command_live, name="command_live"),
    path("situation/", views.situation, name="situation"),
    path("situation.docx", views.situation_docx, name="situation_docx"),
    path("press/", views.press, name="press"),
]
