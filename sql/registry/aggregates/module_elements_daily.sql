/*
description: Entities and fields of each version of a schema that was registered on a UTC day.
key: [day, module_name, version, file_path, element]
function: {name: rows_of_json, version: 1}
columns:
  day: [date, UTC calendar day the version was registered on.]
  module_name: [text, Module.]
  version: [text, Version of the module.]
  file_path: [text, File that declares the element.]
  element: [text, "Full name of an entity, or of a field with its entity; in a JSON Schema its JSON pointer."]
  entity: [text, "The message, enum, service, record or object."]
  field: [text, "Field, value of an enum or method; NULL in the row of the entity itself."]
  kind: [text, "What the entity is: message, enum, service, extension, record, fixed, object or schema."]
  type: [text, "Type of the field; request and response of a method."]
  label: [text, "required, optional, singular, repeated, map; value of an enum; method of a service."]
  number: [bigint, Number of the field in protobuf.]
  default_value: [text, "Default of the field, as the format writes it; NULL without one."]
  is_data_field: [boolean, "Whether it carries data: a field, but no value of an enum and no method."]
  is_deprecated: [boolean, Whether it is marked as deprecated.]
  is_documented: [boolean, Whether it has a documentation.]
  line: [bigint, "Line of the file, from 1; NULL where the format does not tell."]
*/
select day, module_name, version, elements as items
from registry.module_catalog_daily
where day >= :start::date and day < :end::date
