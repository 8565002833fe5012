"""Stories of people at the wheel: a folder of their own, so that they run beside the others, on their own stack."""
