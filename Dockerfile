ARG PYTHON_IMAGE=python:3.11-slim
FROM ${PYTHON_IMAGE}

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1

WORKDIR /app
COPY requirements.lock .
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock

# The volume of the pages takes its owner from here.
RUN useradd --system --uid 10001 --home-dir /tmp office && mkdir /reports && chown office /reports
COPY expectations expectations
COPY setup setup
COPY src src

USER office
ENV OFFICE_HOME=/tmp/office OFFICE_REPORTS=/reports
CMD ["python", "src/ingestor.py"]
