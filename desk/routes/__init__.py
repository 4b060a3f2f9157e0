"""The pages, one module a topic."""

from fastapi import APIRouter

from desk.routes import (
    alerts,
    bulk,
    cases,
    deliveries,
    disputes,
    escalations,
    handing,
    health,
    me,
    models,
    monitoring,
    operations,
    outbox,
    people,
    proposals,
    quality,
    review,
    sign_in,
    tokens,
    trail,
    training,
    withdrawing,
)

ROUTERS: tuple[APIRouter, ...] = (
    health.router,
    sign_in.router,
    me.router,
    people.router,
    review.router,
    handing.router,
    bulk.router,
    cases.router,
    deliveries.router,
    trail.router,
    tokens.router,
    operations.router,
    monitoring.router,
    alerts.router,
    models.router,
    outbox.router,
    proposals.router,
    escalations.router,
    disputes.router,
    quality.router,
    training.router,
    withdrawing.router,
)
"""Every router of the desk."""
