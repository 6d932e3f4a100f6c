"""The interactive documentation: Swagger UI from files of our own installation, with nothing fetched from elsewhere."""

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse, HTMLResponse

router = APIRouter(prefix="/docs", include_in_schema=False)

_SWAGGER_UI = Path(str(files("fastapi_standalone_docs"))) / "static" / "swagger"
_MEDIA_TYPES = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}
# Swagger UI writes styles into its elements and draws its icons from data URLs; its scripts are files.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_KEPT = {"Cache-Control": "public, max-age=3600"}
# Addresses are relative, for a proxy may put the API below a path.
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Holdfast API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  layout: "BaseLayout",
  presets: [SwaggerUIBundle.presets.apis],
  validatorUrl: null,
});
"""


@router.get("")
def page() -> HTMLResponse:
    return HTMLResponse(_PAGE, headers={"Content-Security-Policy": _POLICY})


@router.get("/start.js")
def start() -> Response:
    return Response(_START, media_type="text/javascript", headers=_KEPT)


@router.get("/swagger-ui.css")
def style() -> FileResponse:
    return _file("swagger-ui.css")


@router.get("/swagger-ui-bundle.js")
def script() -> FileResponse:
    return _file("swagger-ui-bundle.js")


def _file(name: str) -> FileResponse:
    return FileResponse(_SWAGGER_UI / name, media_type=_MEDIA_TYPES[name], headers=_KEPT)
