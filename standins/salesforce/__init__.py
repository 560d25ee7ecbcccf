"""A server on loopback that stands in for a Salesforce org, for the demo and the tests.

`python -m standins.salesforce --port 8080` starts one with invented people and prints its URL; `--help` lists the
options. A user, a password and a connected app to log in with are the defaults of `org.settings.OrgSettings`. In a
test: `with Org() as org, Server(org) as server`, with `org.faults` for requests that fail.
"""
