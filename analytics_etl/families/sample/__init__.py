"""Sample events: realistic, deterministic, as large as wanted. Not here: reading files, the contracts.

Three steps: a world fixed by the seed and the volume; batches of events drawn from it, each from its own random stream,
so that batches can be made in any order and on several threads; files written batch by batch, so that memory does not
grow with the day.

A family is a module with a function `make_tables(options)` that returns {name of the table: EventTable}, and a line in
`families`. An EventTable has a function that turns moments (the times of up to 50,000 events, and the random stream to
draw everything else from) into columns, `event_id` first:

    def make_tables(options: SampleOptions) -> dict[str, EventTable]:
        world = Hosts(np.random.default_rng([options.seed, 4]))  # names, ids: what is the same on every day
        return {"ping_events": EventTable(
            columns=partial(_pings, world), stream=40, share=0.3,
            defects=({"latency_ms": -1}, {"host": None}),
            text_defects=({"latency_ms": "soon"}, {"occurred_at": NO_ZONE}, {"event_id": CUT}),
        )}

    def _pings(world: Hosts, moments: Moments) -> dict[str, pa.Array]:
        rng, size = moments.rng, moments.size
        return {
            "event_id": uuids(rng, size),
            "occurred_at": timestamps(moments.time),
            "host": codes(weighted(rng.random(size), world.popularity), world.names),
            "latency_ms": integers(rng.lognormal(3, 0.5, size) * np.where(moments.is_outage, 20, 1)),
            "success": pa.array(~moments.chance(np.where(moments.is_outage, 0.5, 0.01))),
        }

Everything else is the same for all: the rhythm of days and weeks, second copies, bad rows, formats, files. What the
function returns are text (as it is, or as `codes`), whole numbers, floating-point numbers, booleans, UTC timestamps and
JSON (`objects`).
"""

from analytics_etl.families.sample.families import FAMILIES
from analytics_etl.families.sample.files import write_sample
from analytics_etl.families.sample.options import FILE_FORMATS, SampleOptions

__all__ = ["FAMILIES", "FILE_FORMATS", "SampleOptions", "write_sample"]
