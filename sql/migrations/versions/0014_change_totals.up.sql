-- Changes that are there keep what they were written with: sums of every numeric column over all rows.

comment on column ops.changes.measures is 'Of each column that can be added up, over rows that add up no others: old total, new total, percent (null when the old total is 0). Of a refused change also the sums that exceeded the limit.';
