"""Django's settings, all derived from `environment.read()`."""

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from csp.constants import NONCE, SELF
from django.utils.translation import gettext_lazy as _

from citywatch.server import environment

ENVIRONMENT = environment.read()
HERE = Path(__file__).resolve().parent
HOME = ENVIRONMENT.home
MODE = ENVIRONMENT.mode

CITYWATCH_CITY = ENVIRONMENT.city
CITYWATCH_KEYS = HOME / "keys"
CITYWATCH_LOG = HOME / "log"
CITYWATCH_CIPHER = ENVIRONMENT.cipher
CITYWATCH_ENGINE = ENVIRONMENT.engine
CITYWATCH_HEADS = [HOME / "heads", *([ENVIRONMENT.heads] if ENVIRONMENT.heads else [])]
CITY_CLOCK_MOVES = ENVIRONMENT.moves_clock
DEMO = MODE == "demo"
DRILL = MODE == "drill"


def _secret_key() -> str:
    if MODE == "test":
        return "test-only"
    path = CITYWATCH_KEYS / "django.key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as out:
            out.write(secrets.token_urlsafe(48))
    return path.read_text()


def _database() -> dict[str, Any]:
    if not ENVIRONMENT.database_url:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": HOME / "citywatch.sqlite3",
            # Rollback journal, not WAL: SQLite before 3.51.3 can corrupt a WAL database with two connections.
            # EXTRA, not FULL: else a power cut can bring the deleted journal back and undo the last transaction.
            "OPTIONS": {
                "timeout": 20,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA; PRAGMA cache_size=-65536;",
            },
        }
    url = urlsplit(ENVIRONMENT.database_url)
    if url.scheme not in {"postgres", "postgresql"}:
        raise ValueError(
            f"DATABASE_URL begins with {url.scheme!r}; it must be postgresql://user:password@host:port/name."
        )
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.path.lstrip("/"),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": url.hostname or "",
        "PORT": str(url.port or ""),
        "CONN_MAX_AGE": 60,
    }


SECRET_KEY = _secret_key()
DEBUG = False
ALLOWED_HOSTS = (
    ["*"]
    if DEMO and ENVIRONMENT.demo_public
    else [*ENVIRONMENT.allowed_hosts, "127.0.0.1", "localhost", "[::1]", "testserver"]
)
DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "jurisdiction.Account"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "django_filters",
    "django_htmx",
    "django_q",
    "ninja",
    "citywatch.mechanisms.jurisdiction",
    "citywatch.mechanisms.journal",
    "citywatch.mechanisms.lifecycle",
    "citywatch.mechanisms.vault",
    "citywatch.mechanisms.receipts",
    "citywatch.mechanisms.forms",
    "citywatch.mechanisms.signin",
    "citywatch.city.registry",
    "citywatch.city.sense",
    "citywatch.city.lab",
    "citywatch.city.warn",
    "citywatch.city.trace",
    "citywatch.city.respond",
    "citywatch.city.report",
    "citywatch.server",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "citywatch.server.drill.watermark.marked",
    "citywatch.server.middleware.viewer",
    "citywatch.server.accounts.gate.entrance",
    "citywatch.server.middleware.refusals",
    "citywatch.server.middleware.reactions",
]
# One backend: a wrong password costs one hash, whether the name is known or not.
AUTHENTICATION_BACKENDS = ["citywatch.mechanisms.jurisdiction.services.AccountsWithGrants"]
ROOT_URLCONF = "citywatch.server.urls"
ASGI_APPLICATION = "citywatch.server.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [HERE / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "citywatch.server.context.page",
            ],
            "builtins": ["citywatch.server.templatetags.citywatch"],
        },
    }
]

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("Chinese")), ("en", _("English"))]
LOCALE_PATHS = [HERE / "locale"]
USE_I18N = True
TIME_ZONE = "Asia/Shanghai"
USE_TZ = True
FORMAT_MODULE_PATH = ["citywatch.server.formats"]

STATIC_URL = "/static/"
STATIC_ROOT = HOME / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True

LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_ADAPTER = "citywatch.server.accounts.adapters.SignIn"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = "/accounts/login/"
# How often a password or a code may be tried is `mechanisms.signin.attempts`: the library's count of all of an address'
# sign-ins would close the door of a whole hospital, and its count of wrong codes is each process' own.
ACCOUNT_RATE_LIMITS = {"login": None, "login_failed": None}
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
SIGN_IN_ENFORCED = MODE == "production"
MFA_ADAPTER = "citywatch.server.accounts.adapters.SecondFactor"
MFA_FORMS = {
    "authenticate": "citywatch.server.accounts.forms.Authenticate",
    "reauthenticate": "citywatch.server.accounts.forms.Reauthenticate",
    "activate_totp": "citywatch.server.accounts.forms.ActivateTOTP",
    "add_webauthn": "citywatch.server.accounts.forms.AddWebAuthn",
}
MFA_TOTP_TOLERANCE = 1
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = DEMO
SESSION_COOKIE_AGE = 12 * 3600
if DRILL:  # a browser tells ports of one machine apart by nothing but the name
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "drill_session", "drill_csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = MODE == "production"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SILENCED_SYSTEM_CHECKS: list[str] = []
CONTENT_SECURITY_POLICY = {
    "EXCLUDE_URL_PREFIXES": ["/admin/"],
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "frame-ancestors": ["'none'"],
        "form-action": [SELF],
        "base-uri": [SELF],
    },
}
PASSWORD_HASHERS = (
    ["django.contrib.auth.hashers.MD5PasswordHasher"]
    if MODE == "test"
    else ["citywatch.server.accounts.hashing.Patient"]
)
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024 * 1024

Q_CLUSTER = {
    "name": "citywatch",
    "orm": "default",
    "workers": 1,
    "poll": 5,
    "timeout": 600,
    "retry": 900,  # longer than the timeout, else a slow task runs twice
    "catch_up": False,
    "max_attempts": 3,
    "label": "CityWatch",
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}
