drop table ops.alert_told;
drop table ops.alert_silences;
drop table ops.alert_commands;
drop table ops.alert_transitions;
drop table ops.alert_states;
drop table ops.alert_days;
