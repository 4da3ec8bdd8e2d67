drop function ops.json_bytes(jsonb);
drop function ops.is_text_map(jsonb);
