"""What a store knows: registry, catalogue and calendars together; authors resolved; records judged."""
