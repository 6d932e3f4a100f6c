# Holdfast's image: one for the API, the workers and the migrations. `--target simulators` adds what runs outside locally.
FROM python:3.13-slim-bookworm AS built

# uv installs exactly what uv.lock says.
COPY --from=ghcr.io/astral-sh/uv:0.13 /uv /usr/local/bin/uv
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PROJECT_ENVIRONMENT=/opt/holdfast
WORKDIR /src
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN uv sync --locked --no-dev --no-install-project --extra redis --extra tracing
COPY . .
RUN uv sync --locked --no-dev --no-editable --extra redis --extra tracing

FROM built AS built-simulators
RUN uv sync --locked --no-dev --no-editable --extra redis --extra tracing --extra sandbox

FROM python:3.13-slim-bookworm AS simulators
RUN useradd --system --uid 10001 --no-create-home holdfast
COPY --from=built-simulators /opt/holdfast /opt/holdfast
ENV PATH=/opt/holdfast/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /tmp
USER 10001
ENTRYPOINT ["python", "-m"]

# The last stage is the default one.
FROM python:3.13-slim-bookworm AS holdfast
RUN useradd --system --uid 10001 --no-create-home holdfast
COPY --from=built /opt/holdfast /opt/holdfast
ENV PATH=/opt/holdfast/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /tmp
USER 10001
ENTRYPOINT ["holdfast"]
CMD ["--help"]
