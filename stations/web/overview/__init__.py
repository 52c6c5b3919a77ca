"""What holds now, for one person or the whole county: today, lights, board, figures, hall."""
