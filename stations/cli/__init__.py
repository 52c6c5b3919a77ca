"""The command ``banjian``: one small module for each group of commands."""
