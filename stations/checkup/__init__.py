"""What ``banjian doctor`` looks at: database, heads, keys, rows, acts that count for nothing."""
