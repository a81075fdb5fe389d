"""Our pages and API over HTTP: one aiohttp application, sign-in, sessions, OpenAPI.

Start at ``app.py`` (puts it together) and ``routing.py`` (what a route is: each names who may use
it). Departments declare their routes in their own ``adapters`` with the same ``Route``.
"""
