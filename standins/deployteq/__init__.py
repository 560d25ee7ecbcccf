"""A Deployteq brand on loopback: its SOAP interface, strict by a description of our own, and the people in it.

It follows what is publicly known of version 1.24. Whatever is not known is a switch (`Switches`), so that a client can
be tried against each answer.
"""
