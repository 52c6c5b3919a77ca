"""Looking after the office: people, stations, newcomers, lists, catalogue, sticks, backups."""
