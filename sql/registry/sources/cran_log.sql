/*
description: Download log of a CRAN mirror, one row per download (cran-logs.rstudio.com).
columns:
  event_id: Hash of the whole row and its line, since the log has no identifier.
  user_id: ip_id is an anonymous client number, valid within one day.
  organization_id: The client's country stands in for an organisation; R writes an unknown one as NA.
  duration_ms: Not in the log.
  success: The log holds completed downloads only.
*/
select
    md5(concat_ws('|', log_file, date, time, size, r_version, r_arch, r_os, package, version, country, ip_id, _line))
        ::uuid as event_id,
    date || 'T' || time || 'Z' as downloaded_at,
    date || '/' || ip_id as user_id,
    nullif(country, 'NA') as organization_id,
    nullif(package, 'NA') as module_name,
    version,
    'R' as language,
    size as file_size,
    true as success,
    'R' as client_sdk,
    nullif(r_version, 'NA') as client_version
from source
