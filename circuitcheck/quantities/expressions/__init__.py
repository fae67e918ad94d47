"""Linear combinations of measured numbers: what is compared, before anything is asked."""
