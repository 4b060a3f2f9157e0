"""The pages, one module a topic."""

from fastapi import APIRouter

from desk.routes import review, sign_in

ROUTERS: tuple[APIRouter, ...] = (sign_in.router, review.router)
"""Every router of the desk."""
