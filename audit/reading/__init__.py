"""What a ledger file holds: its rows as findings go, how its logs begin, what the county's own logs say."""
