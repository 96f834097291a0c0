# One image, several commands: pennyrail api | worker | watcher | beat | migrate.
# Bases are exact tags. A tag can be moved, a digest cannot: where a registry is at hand, pin it once and build with it,
#   docker buildx imagetools inspect python:3.11.15-slim-trixie --format '{{.Manifest.Digest}}'
#   docker build --build-arg PYTHON_IMAGE=python:3.11.15-slim-trixie@sha256:... .
ARG PYTHON_IMAGE=python:3.11.15-slim-trixie
ARG NODE_IMAGE=node:24.18.0-trixie-slim

# What the console's pages need of others, and nothing of it that runs here.
FROM ${NODE_IMAGE} AS assets
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM ${PYTHON_IMAGE} AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
RUN python -m venv /opt/pennyrail
COPY requirements-production.lock requirements-build.lock ./
# Wheels alone: what would have to be compiled is refused.
RUN /opt/pennyrail/bin/pip install --require-hashes --only-binary :all: -r requirements-production.lock
RUN python -m venv /opt/build && /opt/build/bin/pip install --require-hashes --only-binary :all: -r requirements-build.lock
COPY pyproject.toml README.md ./
COPY ledger ledger
COPY rails rails
COPY outbound outbound
COPY office office
COPY workers workers
COPY app app
COPY pennyrail_client pennyrail_client
COPY --from=assets /build/node_modules/htmx.org/dist node_modules/htmx.org/dist
COPY --from=assets /build/node_modules/uplot/dist node_modules/uplot/dist
RUN python app/console/vendor.py
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . && /opt/pennyrail/bin/pip install --no-deps --no-index dist/*.whl && /opt/pennyrail/bin/pip uninstall --yes pip

FROM ${PYTHON_IMAGE} AS runtime
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="pennyrail" \
      org.opencontainers.image.description="Payment rails and an append-only credits ledger for AI agents" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="docker.io/library/python:3.11.15-slim-trixie"
COPY --from=builder /opt/pennyrail /opt/pennyrail
# A number, so that Kubernetes can see that it is not root's. Only exports are written, and /tmp.
RUN install -d -m 700 -o 10001 -g 10001 /var/lib/pennyrail/exports
ENV PATH=/opt/pennyrail/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
WORKDIR /tmp
USER 10001:10001
EXPOSE 8402
STOPSIGNAL SIGTERM
# Of the API, which is what runs unless another command is given; docker-compose.yml has the others'.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8402/readyz', timeout=3)"]
# No shell between: the process is told to stop by name. `docker run --init` reaps what it leaves.
CMD ["pennyrail", "api", "--host", "0.0.0.0", "--port", "8402"]
