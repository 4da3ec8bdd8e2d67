"""The lake of the settings."""

from analytics_etl.config.settings import Settings
from analytics_etl.lake.files import Lake, LakeError
from analytics_etl.lake.folder import FolderLake


def open_lake(settings: Settings) -> Lake:
    """The lake that ANALYTICS_LAKE names. Asks no server."""
    if settings.lake_url is None:
        return FolderLake(settings.lake_dir)
    try:
        from analytics_etl.lake.s3 import S3Lake  # noqa: PLC0415 - needs an extra
    except ImportError as error:
        raise LakeError(
            f"ANALYTICS_LAKE={settings.lake_url} needs boto3: pip install 'analytics-etl[s3]' ({error})"
        ) from error
    return S3Lake(settings.lake_url, settings.lake_copies_dir, settings.lake_copies_mb << 20)
