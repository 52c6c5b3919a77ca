"""The interpreter of case types: one order of acts, what each does, what one may do now and why not."""
