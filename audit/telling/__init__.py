"""What people and programs are told: the report, a case again, one act, what later audits need."""
