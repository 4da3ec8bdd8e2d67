-- Changes that are there keep what they were written with.

comment on column ops.changes.measures is 'Of each numeric column that is no key: old total, new total, percent (null when the old total is 0).';
