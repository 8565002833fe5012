# Two images, from one base:
#   docker build -t modelrollout/operator:0.1.0 .                    the operator (the default target)
#   docker build -t modelrollout/models:0.1.0 --target models .      MLServer with the demonstration models
# The base needs Python 3.11 or 3.12 with venv and nothing else, so a hardened one may take its place.
ARG PYTHON=python:3.12-slim

# pip lives in a venv of its own and fills others: no image ships it.
FROM ${PYTHON} AS tools
ENV PIP_CACHE_DIR=/var/cache/pip
COPY requirements/build.txt /requirements.txt
RUN --mount=type=cache,target=/var/cache/pip \
    python3 -m venv /tools && \
    /tools/bin/pip install --disable-pip-version-check --require-hashes --only-binary=:all: -r /requirements.txt


# The project is a layer of its own above what it depends on: a new version of it is a few megabytes to pull.
FROM tools AS project
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY operator/modelrollout operator/modelrollout
COPY models/rolloutmodels models/rolloutmodels
RUN /tools/bin/pip install --disable-pip-version-check --no-compile --no-deps --no-build-isolation --target /project . && \
    rm -rf /project/bin && \
    /tools/bin/python -m compileall -q --invalidation-mode unchecked-hash /project


# Bytecode is made here, once: the root file system may be read-only later, and without it each start takes longer.
FROM tools AS operator-packages
COPY requirements/operator.txt /requirements.txt
RUN --mount=type=cache,target=/var/cache/pip \
    python3 -m venv --without-pip /opt/python && \
    /tools/bin/pip --python /opt/python install --disable-pip-version-check --no-compile \
      --require-hashes --only-binary=:all: -r /requirements.txt && \
    # What nothing imports: the libraries' own tests, type stubs, C headers and sources.
    find /opt/python/lib/python3*/site-packages \
      \( -type d \( -name tests -o -name include \) -o -type f \( -name '*.pyi' -o -name '*.pxd' -o -name '*.pyx' \) \) \
      -prune -exec rm -rf {} + && \
    /opt/python/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/python/lib


FROM tools AS models-packages
COPY requirements/models.txt /requirements.txt
RUN --mount=type=cache,target=/var/cache/pip \
    python3 -m venv --without-pip /opt/python && \
    /tools/bin/pip --python /opt/python install --disable-pip-version-check --no-compile \
      --require-hashes --only-binary=:all: -r /requirements.txt && \
    /opt/python/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/python/lib


FROM ${PYTHON} AS models
LABEL org.opencontainers.image.title="ModelRollout models" \
      org.opencontainers.image.description="MLServer with the models that ModelRollout is shown with" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=models-packages /opt/python /opt/python
COPY --from=project /project/rolloutmodels /project/rolloutmodels
COPY models/artefacts /models
# Workers of their own would be 165 MB each, and metrics of several processes need a directory to write to.
ENV PATH=/opt/python/bin:$PATH \
    PYTHONPATH=/project \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    OMP_NUM_THREADS=1 \
    MLSERVER_DEBUG=false \
    MLSERVER_PARALLEL_WORKERS=0 \
    MLSERVER_METRICS_DIR=/tmp
WORKDIR /tmp
USER 65532:65532
EXPOSE 8080 8081 8082
ENTRYPOINT ["mlserver"]
CMD ["start", "/models"]


FROM ${PYTHON} AS operator
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="ModelRollout operator" \
      org.opencontainers.image.description="Progressive delivery of machine-learning models on Seldon Core v2" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=operator-packages /opt/python /opt/python
COPY --from=project /project/modelrollout /project/modelrollout
# A numeric user has no entry in /etc/passwd: libraries that ask for its name take LOGNAME instead of failing.
ENV PATH=/opt/python/bin:$PATH \
    PYTHONPATH=/project \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    LOGNAME=modelrollout
WORKDIR /tmp
USER 65532:65532
EXPOSE 8080 8081
ENTRYPOINT ["python", "-m", "modelrollout"]
