-- Rules of JSON that the CHECKs of event tables name. Landing files are validated by the same rules in DuckDB.

create function ops.is_text_map(value jsonb) returns boolean language sql immutable strict parallel safe
    return jsonb_typeof(value) = 'object' and not jsonb_path_exists(value, 'strict $.* ? (@.type() != "string")', silent => true);
comment on function ops.is_text_map is 'Whether a value is a JSON object whose values are all texts, such as labels.';

create function ops.json_bytes(value jsonb) returns bigint language sql immutable strict parallel safe
    return octet_length(value::text);
comment on function ops.json_bytes is 'Bytes of a JSON value as PostgreSQL writes it.';
