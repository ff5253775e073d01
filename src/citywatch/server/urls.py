"""All addresses of the house."""

from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import include, path

from citywatch.server import display, maps, navigation, public, styles, uploads
from citywatch.server.api import mount
from citywatch.server.demo import views as demo
from citywatch.server.drill import views as drill


def health(_request: HttpRequest) -> HttpResponse:
    """Say that the server answers; no sign-in, nothing told."""
    return HttpResponse("ok", content_type="text/plain")


def home(request: HttpRequest) -> HttpResponse:
    """Send each person to the first page of their navigation."""
    if not request.user.is_authenticated:
        return redirect("account_login")
    items = navigation.for_viewer(request.viewer)  # type: ignore[attr-defined]
    return redirect(items[0].url) if items else render(request, "home.html")


admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]  # one door, one second factor
urlpatterns = [
    path("", home, name="home"),
    path("health", health, name="health"),
    path("accounts/", include("citywatch.server.accounts.views")),
    path("accounts/", include("allauth.urls")),
    path("exports/", include("citywatch.server.exports.views")),
    path("emergency/", include("citywatch.server.emergency")),
    path("find/", include("citywatch.server.finding")),
    path("administration/", include("citywatch.server.administration.urls")),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("api/", mount().urls),
    path("", include(display.urlpatterns)),
    path("maps/", include(maps.urlpatterns)),
    path("public/", include((public.urlpatterns, "public"))),
    path("uploads/", include((uploads.urlpatterns, "uploads"))),
    path("sense/", include("citywatch.city.sense.urls")),
    path("lab/", include("citywatch.city.lab.urls")),
    path("warn/", include("citywatch.city.warn.urls")),
    path("trace/", include("citywatch.city.trace.urls")),
    path("respond/", include("citywatch.city.respond.urls")),
    path("drill/", include((drill.urlpatterns, "drill"))),
    path("", include("citywatch.city.report.urls")),
]
if settings.DEMO or settings.MODE == "test":
    urlpatterns += [
        path("demo/", include((demo.urlpatterns, "demo"))),
        path("styles/", styles.styles, name="styles"),
    ]
