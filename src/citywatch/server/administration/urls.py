"""Addresses of the administrators' pages."""

from django.urls import path

from citywatch.server.administration import accounts, audit, rights

app_name = "administration"
urlpatterns = [
    path("accounts/", accounts.accounts, name="accounts"),
    path("accounts/make/", accounts.make, name="make_account"),
    path("accounts/key/", accounts.key, name="key"),
    path("accounts/<str:username>/", accounts.change, name="change_account"),
    path("audit/", audit.audit, name="audit"),
    path("audit/looks/", audit.looks, name="looks"),
    path("rights/", rights.rights, name="rights"),
    path("rights/<str:username>/give/", rights.give, name="give"),
    path("rights/<str:username>/take/", rights.take, name="take"),
]
