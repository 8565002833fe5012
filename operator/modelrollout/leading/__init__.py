"""Which of several replicas works: leadership by a Lease, and the certainty without which nothing is written.

    Lease (API server) -> leases.read -> election.next_step(known, now) -> elector looks, writes or waits

A replica is certain to lead while its last good renewal is younger than GIVE_UP_SECONDS, by its own clock alone. Others
take the Lease only when they saw it unchanged for LEASE_SECONDS, by theirs. Nobody compares clocks of two machines.
"""
