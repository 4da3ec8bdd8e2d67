/*
description: The source of one version of a module, at its first registration.
parameters:
  module: Name of the module.
  wanted_version: The version; empty for the newest one.
columns:
  module_name: Module.
  version: Version of the module.
  registered_at: First registration.
  format: Language of the schema, protobuf, avro or json_schema.
  files: Its source, a JSON object of path and text.
*/
select source.module_name, source.version, source.registered_at, source.format, source.files
from registry.module_catalog_daily as known
join registry.module_versions_daily as source
    on source.day = known.day and source.module_name = known.module_name and source.version = known.version
where known.module_name = :module and (:wanted_version = '' or known.version = :wanted_version)
order by source.registered_at desc, source.version collate "C" desc
limit least(:limit, 1)
