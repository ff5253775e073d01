"""Who asks, and the first door of every operation: services and querysets decide where, these decide whether at all."""

from django.http import HttpRequest

from citywatch.mechanisms.errors import NotAllowed
from citywatch.mechanisms.jurisdiction.types import Viewer


def asker(request: HttpRequest, *abilities: str) -> Viewer:
    """Who asks, as the sign-in or key found out. Refuses who holds none of `abilities` anywhere."""
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    if not any(viewer.may_anywhere(ability) for ability in abilities):
        wanted = ", ".join(abilities)
        raise NotAllowed(
            f"Your key or role does not allow this ({wanted}); ask your administrator.",
            zh=f"您的密钥或角色无权进行此操作（{wanted}）；请联系管理员。",
        )
    return viewer


def must_hold_any(request: HttpRequest) -> Viewer:
    """Who asks, if they hold any right at all: an account without a role is told nothing."""
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    if not viewer.reach:
        raise NotAllowed(
            "Your account has no role yet; ask your administrator.", zh="您的账号尚未授予角色；请联系管理员。"
        )
    return viewer
