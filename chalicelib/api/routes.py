"""All HTTP routes: those of the service itself, and those of the features."""

from chalicelib import features
from chalicelib.api import views

ROUTES = (*views.ROUTES, *features.ROUTES)
