"""What is run, measured, derived, stored, compared, imported and exported; and the command line."""
