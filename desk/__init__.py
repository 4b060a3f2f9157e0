"""The web face: a review desk and an operator's page, FastAPI and Jinja2, every act through `handrail.acts`."""
