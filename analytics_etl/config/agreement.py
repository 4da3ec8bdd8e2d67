"""Settings that need each other: what is said when one is set without the other. `values` judges each alone."""

from typing import TYPE_CHECKING

from analytics_etl.config.report_receivers import WEBHOOK

if TYPE_CHECKING:
    from analytics_etl.config.settings import Settings


def disagreement(settings: "Settings") -> str | None:
    """What does not fit together, None if all does."""
    return _of_reports(settings) or _of_mail(settings) or _of_tokens(settings)


def _of_mail(settings: "Settings") -> str | None:
    """E-mail has a server but no address, or an address but no server."""
    has_url, has_addresses = bool(settings.smtp_url), bool(settings.notify_email)
    if settings.reports_to.receivers - {WEBHOOK} and has_url:
        return None
    if has_url == has_addresses or (has_url and settings.owners.addresses):
        return None
    return (
        "ANALYTICS_SMTP_URL and ANALYTICS_NOTIFY_EMAIL belong together, but only "
        f"{'the first' if has_url else 'the second'} is set: without both, no e-mail would be sent"
    )


def _of_reports(settings: "Settings") -> str | None:
    """Somebody would be sent reports without a way to."""
    receivers = settings.reports_to.receivers
    if receivers - {WEBHOOK} and not settings.smtp_url:
        return "ANALYTICS_REPORTS_TO names addresses or teams, so ANALYTICS_SMTP_URL must name a mail server"
    if (WEBHOOK in receivers) != bool(settings.reports_webhook):
        return (
            "ANALYTICS_REPORTS_WEBHOOK and the receiver webhook in ANALYTICS_REPORTS_TO belong together, but only one "
            "of them is set"
        )
    known = {owner for owner, _ in settings.notify_email}
    lost = sorted(team for team in receivers if team.startswith("team:") and not {team, "*"} & known)
    if lost:
        return (
            f"ANALYTICS_REPORTS_TO names {lost[0]}, but ANALYTICS_NOTIFY_EMAIL has no address of it: {lost[0]}=a@x.org"
        )
    return None


def _of_tokens(settings: "Settings") -> str | None:
    """JWTs have keys but no issuer: another issuer may use the same keys for something else."""
    if settings.api_jwt_keys and not settings.api_jwt_issuer:
        return "ANALYTICS_API_JWT_KEYS needs ANALYTICS_API_JWT_ISSUER: whose tokens they are"
    return None
