"""Text formats of metrics -> records with the same few columns, which a source mapping reads like those of a CSV file.

`exposition` reads Prometheus text and OpenMetrics, `otlp` OTLP metrics as JSON, `statsd` StatsD lines; `samples` has
what they share. Not here: what a mapping makes of the columns, and the rules of the contract.

Each record is one sample of one series. Its type is counter, gauge or histogram (an observation). A counter whose value
is a total since some start has the label temporality=cumulative; other counters are increases.
"""
