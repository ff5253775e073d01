"""Codes of an authenticator app work once."""

from citywatch.mechanisms.jurisdiction.models import Account
from citywatch.mechanisms.signin.models import UsedCode
from citywatch.mechanisms.vault.sealing import blind


def use_once(account: Account, *, secret: str, step: int) -> bool:
    """Spend the code of a time step; False where it, or a later one, was spent before.

    One conditional update decides, so of two requests with the same code one alone gets in.
    """
    row, made = UsedCode.objects.get_or_create(
        account=account, secret=blind(secret, purpose="signin.secret"), defaults={"step": step}
    )
    return made or UsedCode.objects.filter(pk=row.pk, step__lt=step).update(step=step) == 1
