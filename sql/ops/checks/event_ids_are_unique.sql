/*
description: Every event id occurs once in a day.
*/
select day, event_id, count(*) as row_count
from {batch}
group by 1, 2
having count(*) > 1
