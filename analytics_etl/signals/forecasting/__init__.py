"""Forecasts of a series: cheap methods, their combination by backtest, intervals. Callers import the modules."""
