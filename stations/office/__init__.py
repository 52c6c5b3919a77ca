"""Acts behind the counter: founding, enrolling, inviting, publishing, new keys, a station that closes."""
