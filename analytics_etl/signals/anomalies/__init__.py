"""What is unusual in a series (docs/anomalies.md).

`detector` scores the points, with what `season`, `aspects`, `baseline` and `novelty` learn, kept in `state`. Other
ones are `rules`; `methods` is the interface. `rows` makes anomalies of scores, `causes` and `incidents` explain.
"""
