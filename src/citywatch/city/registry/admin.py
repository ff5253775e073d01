"""Reference tables in Django's admin. Accounts, roles, grants and keys have pages of their own, which journal."""

from django.contrib import admin

from citywatch.city.registry.models import Holiday, Institution, Organisation, Staff
from citywatch.mechanisms.jurisdiction.models import Place


@admin.register(Place)
class PlaceAdmin(admin.ModelAdmin):
    list_display = ("code", "kind", "name_zh", "name_en", "population", "valid_from", "valid_to")
    list_filter = ("kind",)
    search_fields = ("code", "name_zh", "name_en")
    readonly_fields = ("code", "kind", "parent", "path")  # who reaches what hangs on them


@admin.register(Institution)
class InstitutionAdmin(admin.ModelAdmin):
    list_display = ("place", "kind", "fever_clinic", "emergency", "sentinel")
    list_filter = ("kind", "fever_clinic", "sentinel")
    raw_id_fields = ("place", "organisation")


admin.site.register(Organisation)
admin.site.register(Staff)
admin.site.register(Holiday)
