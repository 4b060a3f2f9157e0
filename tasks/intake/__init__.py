"""Intake: deliveries are read, checked, redacted and stored; outcomes come in, and what is past its retention goes."""
