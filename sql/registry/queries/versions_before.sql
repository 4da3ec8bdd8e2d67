/*
description: The versions of one module that were registered before one of its versions, the newest first.
parameters:
  module: Name of the module.
  wanted_version: That version.
columns:
  version: Version of the module.
*/
select before.version
from registry.module_catalog_daily as known
join registry.module_catalog_daily as before
    on before.module_name = known.module_name
    and (
        before.registered_at < known.registered_at
        or before.registered_at = known.registered_at and before.version collate "C" < known.version collate "C"
    )
where known.module_name = :module and known.version = :wanted_version
order by before.registered_at desc, before.version collate "C" desc
limit :limit
