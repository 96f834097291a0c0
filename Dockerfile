# One image, several commands: pennyrail api | worker | beat | migrate.
FROM python:3.11-slim
WORKDIR /srv/pennyrail
COPY requirements.lock pyproject.toml README.md ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY ledger ledger
COPY rails rails
COPY outbound outbound
COPY office office
COPY workers workers
COPY app app
COPY pennyrail_client pennyrail_client
COPY sandbox sandbox
RUN pip install --no-cache-dir --no-deps --no-build-isolation .
RUN install -d -m 700 -o nobody /var/lib/pennyrail/exports
USER nobody
CMD ["pennyrail", "api", "--host", "0.0.0.0", "--port", "8402"]
