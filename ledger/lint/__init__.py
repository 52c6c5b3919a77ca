"""What is wrong with a catalogue or a calendar before anybody publishes it."""
