"""The routes of the API, a module for each group: each reads its parameters, asks a function, gives an answer."""
