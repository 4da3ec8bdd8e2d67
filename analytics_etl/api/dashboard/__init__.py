"""The pages of the dashboard as values: cards, charts and tables, from the same questions that the API's routes ask.

Not here: SQL, HTML (`api/pages`), and requests (`api/routes/dashboard`).
"""
