-- Takes away the tokens of the API, as long as there are none: whoever uses one would be locked out.

do $$
begin
    if exists (select from ops.api_tokens) then
        raise exception 'the table ops.api_tokens holds rows, which this downgrade would lose'
            using hint = 'Revoke the tokens and empty the table first, or stay on this version.';
    end if;
end
$$;

drop table ops.api_tokens;
