ARG PYTHON_IMAGE=python:3.11-slim
FROM ${PYTHON_IMAGE}

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1

WORKDIR /app
COPY requirements.lock .
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock

# The volumes of the pages, of archived raw rows, of the broker's streams and of the pipes take their owner from here; only the
# pages are for others to read.
RUN useradd --system --uid 10001 --home-dir /tmp office \
    && mkdir -m 755 /reports && mkdir -m 700 /archive /streams /pipes && chown office /reports /archive /streams /pipes
COPY expectations expectations
COPY setup setup
COPY src src

USER office
ENV OFFICE_HOME=/tmp/office OFFICE_REPORTS=/reports OFFICE_ARCHIVE=/archive
CMD ["python", "src/ingestor.py"]
