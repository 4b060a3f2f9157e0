"""Learning: labels, certificates, retraining, the judgement of a challenger and its deployment."""
