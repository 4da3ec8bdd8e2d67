"""Avro: `names` finds what is defined and referred to, `reading` makes the catalogue, with the libraries as judges.

`comparison` finds breaking changes by Avro's schema `resolution` in both directions.
"""
