from django.urls import path

from citywatch.city.respond import views

app_name = "respond"
urlpatterns = [
    path("", views.incidents, name="incidents"),
    path("orders/", views.my_orders, name="my_orders"),
    path("orders/sign/", views.sign_all, name="sign_all"),
    path("orders/<int:order_id>/move/", views.order_move, name="order_move"),
    path("<int:incident_id>/", views.incident, name="incident"),
    path("<int:incident_id>/decide/", views.decide, name="decide"),
    path("<int:incident_id>/orders/", views.order_new, name="order_new"),
    path("<int:incident_id>/issue/", views.issue_all, name="issue_all"),
    path("<int:incident_id>/move/", views.incident_move, name="incident_move"),
]
