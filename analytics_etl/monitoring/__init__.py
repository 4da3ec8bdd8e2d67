"""Looking at what is there: status, doctor, metrics. Changes nothing."""
