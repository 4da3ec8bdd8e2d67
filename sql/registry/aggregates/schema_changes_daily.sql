/*
description: What each version of a schema that was registered on a UTC day changes in the version before.
key: [day, module_name, version, change_number]
function: {name: rows_of_json, version: 1}
columns:
  day: [date, UTC calendar day the version was registered on.]
  module_name: [text, Module.]
  version: [text, Version of the module.]
  change_number: [bigint, "Number of the change in its version, from 1."]
  previous_version: [text, The version it is compared with.]
  element: [text, "What was changed: a file, an entity, or a field with its entity."]
  rule: [text, "The rule that says so: an id of Buf, of Avro's schema resolution, of Confluent's registry for JSON Schema, or in lower case one of ours."]
  action: [text, "added, removed or changed."]
  category: [text, "breaking_wire, breaking_source, deprecation, addition, documentation or compatible."]
  is_breaking: [boolean, Whether it breaks readers of data or users of generated code.]
  rule_sets: [text, "Where the rule belongs: Buf's categories, or the kinds of compatibility it breaks."]
  message: [text, "The change, as a sentence."]
  file_path: [text, "File of the new version; of a removed file, one of the version before."]
  line: [bigint, "Line of the file, from 1; NULL where it is unknown."]
checks:
  - expect_column_values_to_be_in_set:
      column: category
      value_set: [breaking_wire, breaking_source, deprecation, addition, documentation, compatible]
*/
select day, module_name, version, previous_version, changes as items
from registry.module_catalog_daily
where day >= :start::date and day < :end::date
