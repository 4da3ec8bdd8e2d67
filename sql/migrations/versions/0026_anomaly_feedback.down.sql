-- Takes away what people said of anomalies, as long as they said nothing: it cannot be found again.

do $$
begin
    if exists (select from ops.anomaly_feedback) then
        raise exception 'the table ops.anomaly_feedback holds rows, which this downgrade would lose'
            using hint = 'Keep its rows elsewhere and empty the table first, or stay on this version.';
    end if;
end
$$;

drop table ops.anomaly_feedback;
alter table ops.alert_transitions drop column sentence, drop column metric;
