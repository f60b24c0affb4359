"""
The same Job and Events over HTTP: how a phone asks for work and hands in what it measured.

``signing`` is pure; ``pairing`` and ``nonces`` keep what lets a device be believed; ``limits`` is what a stranger may
cost; ``server`` has what each call does, ``app`` the application around it, ``serve`` runs it. Storage comes in
through the protocols of ``runners.bridging``. There is no secrecy without TLS: signatures say who speaks and that
nothing was changed, and prompts and results are readable on the network.
"""
