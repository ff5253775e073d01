"""Reference tables in Django's admin."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin

from citywatch.city.registry.models import Holiday, Institution, Organisation, Staff
from citywatch.mechanisms.jurisdiction.models import Account, Grant, MachineKey, Place, Role


@admin.register(Place)
class PlaceAdmin(admin.ModelAdmin):
    list_display = ("code", "kind", "name_zh", "name_en", "population", "valid_from", "valid_to")
    list_filter = ("kind",)
    search_fields = ("code", "name_zh", "name_en")
    raw_id_fields = ("parent",)


@admin.register(Institution)
class InstitutionAdmin(admin.ModelAdmin):
    list_display = ("place", "kind", "fever_clinic", "emergency", "sentinel")
    list_filter = ("kind", "fever_clinic", "sentinel")
    raw_id_fields = ("place", "organisation")


@admin.register(Account)
class AccountAdmin(UserAdmin):
    fieldsets = (*UserAdmin.fieldsets, (None, {"fields": ("title_zh", "title_en")}))


@admin.register(Grant)
class GrantAdmin(admin.ModelAdmin):
    list_display = ("account", "role", "place", "granted_at", "until")
    raw_id_fields = ("account", "place")


@admin.register(MachineKey)
class MachineKeyAdmin(admin.ModelAdmin):
    list_display = ("name", "place", "issued_at", "revoked_at")
    readonly_fields = ("digest",)
    raw_id_fields = ("place",)


admin.site.register(Role)
admin.site.register(Organisation)
admin.site.register(Staff)
admin.site.register(Holiday)
